//! Features as a NumPy file (`.npy`, format version 1.0): little-endian f32, rows first. Knows nothing of models.

use std::io::{self, Write};

/// `\x93NUMPY`, version 1.0, and the length of the description in little-endian order.
const MAGIC: &[u8; 10] = b"\x93NUMPY\x01\0v\0";
/// Bytes of the description without its newline: the data start at byte 128. Dimensions of 20 digits fit.
const DESCRIPTION: usize = 0x76 - 1;

/// Writes the matrix `values` in raster order; `numpy.load` gives a C-ordered float32 array of `[rows, cols]`.
///
/// # Shapes
/// values `[rows, cols]`.
///
/// # Errors
/// `InvalidInput` when `values` does not hold `rows·cols` numbers, with nothing written; else those of `out`, which
/// should be buffered.
pub fn write(mut out: impl Write, rows: usize, cols: usize, values: &[f32]) -> io::Result<()> {
    if rows.checked_mul(cols) != Some(values.len()) {
        let message = format!(
            "{} values do not fill an array of {rows} rows and {cols} columns",
            values.len()
        );
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let description = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {cols}), }}");
    out.write_all(MAGIC)?;
    writeln!(out, "{description:DESCRIPTION$}")?;
    values
        .iter()
        .try_for_each(|value| out.write_all(&value.to_le_bytes()))?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(rows: usize, cols: usize, values: &[f32]) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&mut bytes, rows, cols, values).unwrap();
        bytes
    }

    #[test]
    fn bytes_are_those_of_numpy() {
        // np.lib.format.write_array(file, np.array([[0, 1, -2.5], [1e-3, 3.4e38, np.inf]], "<f4"), (1, 0))
        let header = b"\x93NUMPY\x01\0v\0{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
        let data = "00000000".to_owned() + "0000803f" + "000020c0" + "6f12833a" + "9ec97f7f" + "0000807f";
        let got = bytes(2, 3, &[0.0, 1.0, -2.5, 1e-3, 3.4e38, f32::INFINITY]);
        assert!(got.starts_with(header), "{}", String::from_utf8_lossy(&got[..128]));
        assert!(got[header.len()..127].iter().all(|&b| b == b' '));
        assert_eq!(got[127], b'\n');
        let hex: String = got[128..].iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, data);
    }

    #[test]
    fn data_start_at_the_same_byte_for_any_shape() {
        let empty = bytes(usize::MAX, 0, &[]);
        assert!(String::from_utf8_lossy(&empty).contains(&format!("({}, 0)", usize::MAX)));
        assert_eq!((empty.len(), empty.last()), (128, Some(&b'\n')));
        assert_eq!(
            bytes(1, 100_000, &vec![1.0; 100_000])[128..][..4],
            1.0_f32.to_le_bytes()
        );
    }

    #[test]
    fn a_wrong_number_of_values_is_refused_before_anything_is_written() {
        let mut out = Vec::new();
        for (rows, cols) in [(2, 2), (usize::MAX, 2), (0, 3)] {
            let error = write(&mut out, rows, cols, &[1.0; 3]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            assert!(error.to_string().contains("3 values do not fill"), "{error}");
        }
        assert!(out.is_empty());
    }
}
