//! The picture: detection time to the right, mistakes upwards, a panel for each course.

use std::cell::RefCell;
use std::error::Error;

use plotters::prelude::*;

use crate::Line;
use crate::courses::Course;
use crate::race::{RUNNERS, Runner};

/// What a page of documentation shows unscaled.
const SIZE: (u32, u32) = (880, 1_100);
const COLUMNS: usize = 2;
/// No mistake at all is drawn here: zero has no logarithm.
const NONE: f64 = 1e-3;
const MOST: f64 = 1e4;

pub(crate) fn draw(results: &[(Course, Vec<Line>)], file: &str) -> Result<(), Box<dyn Error>> {
    let area = SVGBackend::new(file, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let panels = area.split_evenly((results.len().div_ceil(COLUMNS), COLUMNS));
    let legend_on = 0;
    for (place, ((course, lines), panel)) in results.iter().zip(&panels).enumerate() {
        let interval = course.interval.as_secs_f64();
        let mut chart = ChartBuilder::on(panel)
            .caption(course.name, ("sans-serif", 15))
            .margin(12)
            .x_label_area_size(36)
            .y_label_area_size(58)
            .build_cartesian_2d(
                (interval * 0.8..interval * 12.0).log_scale(),
                (NONE * 0.5..MOST).log_scale(),
            )?;
        let last = RefCell::default();
        chart
            .configure_mesh()
            .x_desc("mean detection time, s")
            .y_desc("mistakes an hour")
            .x_label_formatter(&|x| once(&last, tick(x)))
            .y_label_formatter(&|y| match *y <= NONE * 1.01 {
                true => "none".to_owned(),
                false => format!("{y}"),
            })
            .light_line_style(TRANSPARENT)
            .draw()?;
        for (runner, points) in lines {
            let points = points.iter().map(|(x, y)| (*x, y.max(NONE)));
            // Broad, so that it shows behind those that fall on it.
            let width = if *runner == Runner::Fixed { 8 } else { 2 };
            let style = colour(*runner).stroke_width(width);
            let series = LineSeries::new(points, style).point_size(3);
            let drawn = chart.draw_series(series)?;
            if place == legend_on {
                drawn
                    .label(runner.name())
                    .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
            }
        }
        if place == legend_on {
            chart
                .configure_series_labels()
                .background_style(WHITE)
                .border_style(BLACK)
                .draw()?;
        }
    }
    area.present()?;
    Ok(())
}

/// What is named twice in a row is named once: where a decade ends and the next begins, the axis
/// has two ticks in one place.
fn once(last: &RefCell<String>, name: String) -> String {
    match name == last.replace(name.clone()) {
        true => String::new(),
        false => name,
    }
}

/// Of a decade only 1, 2, 3 and 5 are named: the others would run into each other.
fn tick(x: &f64) -> String {
    let leading = x / 10_f64.powf(x.log10().floor());
    let named = [1.0, 2.0, 3.0, 5.0];
    match named.iter().any(|one| (leading - one).abs() < 1e-6) {
        true => format!("{x:.1}"),
        false => String::new(),
    }
}

/// Colours that the colour-blind tell apart (Okabe, Ito).
fn colour(runner: Runner) -> RGBColor {
    const COLOURS: [RGBColor; RUNNERS.len()] = [
        RGBColor(205, 205, 205),
        RGBColor(0, 114, 178),
        RGBColor(86, 180, 233),
        RGBColor(0, 158, 115),
        RGBColor(213, 94, 0),
    ];
    COLOURS[runner as usize]
}
