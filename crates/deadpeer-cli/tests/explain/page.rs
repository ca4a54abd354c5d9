//! The page of `--html`: complete in itself, and as Chromium shows it, on a phone and in the dark.

use std::fs;
use std::path::Path;
use std::process::Command;

use deadpeer_sys::testing::skip;
use serde_json::Value;

use crate::capture;
use crate::common::run;

#[test]
fn the_page_stands_alone() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    let ran = run(&[
        "explain",
        &capture("openings.pcap"),
        "--html",
        page.to_str().unwrap(),
    ]);
    assert_eq!(ran.code, 1);
    let html = fs::read_to_string(page).unwrap();
    assert!(html.starts_with("<!doctype html>") && html.trim_end().ends_with("</html>"));
    assert_eq!(html.matches("<svg ").count(), 3);
    assert_eq!(
        html.matches("<svg ").count(),
        html.matches("</svg>").count()
    );
    for tag in ["table", "tr", "td", "h2", "p", "div"] {
        let opened =
            html.matches(&format!("<{tag}>")).count() + html.matches(&format!("<{tag} ")).count();
        assert_eq!(opened, html.matches(&format!("</{tag}>")).count(), "{tag}");
    }
    for outside in ["src=", "href=\"http", "@import", "<script"] {
        assert!(!html.contains(outside), "{outside}");
    }
    assert!(html.contains("the server never answered 6 SYNs"));

    let nowhere = run(&[
        "explain",
        &capture("openings.pcap"),
        "--html",
        "/nonexistent/page.html",
    ]);
    assert_eq!(nowhere.code, 2);
    assert!(
        nowhere.stderr.contains("/nonexistent/page.html"),
        "{}",
        nowhere.stderr
    );
}

#[test]
fn what_was_refused_is_drawn_as_arrived_and_what_nobody_answered_as_lost() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    let to = ["--html", page.to_str().unwrap()];
    let capture = capture("openings.pcap");
    assert_eq!(run(&["explain", &capture, to[0], to[1]]).code, 1);
    let html = fs::read_to_string(page).unwrap();
    let lost = |picture: &str| picture.matches("l10 10m0-10l-10 10").count();
    let [unanswered, refused, _] = html
        .split("<svg ")
        .skip(1)
        .map(|rest| rest.split("</svg>").next().unwrap())
        .collect::<Vec<_>>()[..]
    else {
        panic!("{html}");
    };
    assert!(refused.contains(">RST<"), "{refused}");
    assert_eq!((lost(unanswered), lost(refused)), (6, 0));
}

/// Who looks at the page: one that frames it as wide as a phone, and writes down what is to be
/// seen.
const VIEWER: &str = r#"<!doctype html><body><iframe src="page.html" style="width:360px;height:700px;border:0"></iframe><script>
onload = () => {
  const frame = document.querySelector("iframe"), page = frame.contentDocument, view = frame.contentWindow;
  const colour = name => view.getComputedStyle(page.body)[name];
  document.body.innerText = JSON.stringify({
    width: page.documentElement.scrollWidth,
    title: page.title,
    paper: colour("backgroundColor"),
    ink: colour("color"),
    requests: view.performance.getEntriesByType("resource").length,
    bar: page.querySelector(".scale span").getBoundingClientRect().width,
    picture: page.querySelector("svg").getBoundingClientRect().height,
    sides: [...page.querySelectorAll("svg line")].filter(line => line.getAttribute("x1") == line.getAttribute("x2"))
      .map(line => line.getBoundingClientRect().right),
    line: view.getComputedStyle(page.querySelector("svg line")).stroke,
  });
};
</script>"#;

/// What Chromium shows of the page in this folder; `None`: there is no Chromium.
fn seen(folder: &Path, dark: bool) -> Option<Value> {
    let viewer = folder.join("viewer.html");
    fs::write(&viewer, VIEWER).unwrap();
    let shown = Command::new("timeout")
        .args([
            "60",
            "chromium",
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
        ])
        .args([
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
        ])
        .args([
            "--disable-sync",
            "--allow-file-access-from-files",
            "--virtual-time-budget=5000",
        ])
        .arg(format!(
            "--blink-settings=preferredColorScheme={}",
            u8::from(!dark)
        ))
        .arg(format!(
            "--user-data-dir={}",
            folder.join("profile").display()
        ))
        .args(["--window-size=800,900", "--dump-dom"])
        .arg(format!("file://{}", viewer.display()))
        .output()
        .unwrap();
    if shown.status.code() == Some(127) {
        skip("chromium is not installed");
        return None;
    }
    let page = String::from_utf8_lossy(&shown.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&shown.stderr).into_owned();
    let (Some(start), Some(end)) = (page.find('{'), page.rfind('}')) else {
        panic!("nothing was seen: {page}\n{complaint}");
    };
    let unescaped = page[start..=end]
        .replace("&amp;", "&")
        .replace("&quot;", "\"");
    Some(serde_json::from_str(&unescaped).unwrap_or_else(|error| panic!("{error}: {page}")))
}

#[test]
fn the_page_fits_a_phone_and_the_dark() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    let page = page.to_str().unwrap();
    assert_eq!(
        run(&["explain", &capture("keepalive.pcap"), "--html", page]).code,
        1
    );
    let (Some(light), Some(dark)) = (seen(folder.path(), false), seen(folder.path(), true)) else {
        return;
    };
    for seen in [&light, &dark] {
        assert!(
            seen["width"].as_u64().unwrap() <= 360,
            "it overflows: {seen}"
        );
        assert_eq!(seen["requests"], 0, "{seen}");
        let title = seen["title"].as_str().unwrap();
        assert!(
            title.starts_with("the client was gone while the connection was idle"),
            "{title}"
        );
        assert!(title.ends_with("keepalive.pcap"), "{title}");
        // The wait was six of ten seconds.
        let bar = seen["bar"].as_f64().unwrap();
        assert!((150.0..250.0).contains(&bar), "{seen}");
        assert!(seen["picture"].as_f64().unwrap() > 200.0, "{seen}");
        let sides = seen["sides"].as_array().unwrap();
        let shown = |right: &Value| (30.0..350.0).contains(&right.as_f64().unwrap());
        assert!(sides.len() >= 2 && sides.iter().all(shown), "{seen}");
        assert_eq!(seen["line"], seen["ink"], "{seen}");
    }
    assert_eq!(
        (&light["paper"], &light["ink"]),
        (&"rgb(255, 255, 255)".into(), &"rgb(34, 48, 60)".into())
    );
    assert_eq!(
        (&dark["paper"], &dark["ink"]),
        (&"rgb(20, 25, 30)".into(), &"rgb(219, 227, 234)".into())
    );
}
