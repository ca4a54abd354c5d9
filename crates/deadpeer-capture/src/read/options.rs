//! The options at the end of pcapng blocks.

use super::bytes::Order;

/// The options of a block, as far as they can be read: code and value.
pub(super) fn options(order: Order, mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (head, rest) = bytes.split_first_chunk::<4>()?;
        let code = order.u16_at::<0, 4>(head);
        let length = usize::from(order.u16_at::<2, 4>(head));
        if code == 0 {
            return None;
        }
        let value = rest.get(..length)?;
        bytes = rest.get(length.next_multiple_of(4)..).unwrap_or(&[]);
        Some((code, value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_padded_and_the_end_is_the_end() {
        let bytes = [
            2, 0, 3, 0, b'l', b'a', b'n', 0, 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0,
        ];
        let read: Vec<_> = options(Order::Little, &bytes).collect();
        assert_eq!(read, [(2, &b"lan"[..]), (9, &[9][..])]);
    }

    #[test]
    fn a_length_beyond_the_block_ends_them() {
        assert_eq!(options(Order::Big, &[0, 2, 0, 9, 1, 2, 3, 4]).count(), 0);
        assert_eq!(options(Order::Big, &[0, 2, 0]).count(), 0);
        // Without padding at the end, as some tools write it.
        assert_eq!(options(Order::Big, &[0, 2, 0, 1, 7]).count(), 1);
    }
}
