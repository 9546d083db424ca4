//! Operations on places: each sample is fetched from where an affine map says, by bicubic interpolation (imageproc's; its
//! kernel has a = −0.5, Pillow's a = −1 here, so numbers beside edges differ while places agree).

use image::{ImageBuffer, Luma, Pixel, Rgb};
use imageproc::geometric_transformations::{Border, Interpolation, warp_with};

use super::Samples;

/// `[a, b, c, d, e, f]`: what is drawn at (x, y) comes from (a·x + b·y + c, d·x + e·y + f), the centre of the first pixel
/// being (½, ½).
pub(super) type Affine = [f64; 6];

/// A turn by `degrees` counter-clockwise about the centre.
pub(super) fn rotation(degrees: f64, width: f64, height: f64) -> Affine {
    let (sin, cos) = (-degrees.to_radians()).sin_cos();
    let (x, y) = (width / 2.0, height / 2.0);
    [cos, sin, x - cos * x - sin * y, -sin, cos, y + sin * x - cos * y]
}

/// Fetches every sample from where `map` says; places that come from outside the picture get `fill`, a value per channel.
pub(super) fn warp(samples: &mut Samples, map: Affine, fill: &[u8]) {
    match (samples.channels, fill) {
        (3, [r, g, b]) => run(samples, map, Rgb([*r, *g, *b])),
        _ => run(samples, map, Luma([fill[0]])),
    }
}

fn run<P: Pixel<Subpixel = u8> + Send + Sync>(samples: &mut Samples, map: Affine, fill: P) {
    let (width, height) = (samples.width as u32, samples.height as u32);
    let from = |x: u32, y: u32| source(map, f64::from(x), f64::from(y));
    let values = std::mem::take(&mut samples.values);
    let picture = ImageBuffer::<P, Vec<u8>>::from_raw(width, height, values).expect("samples fill their picture");
    let fetch = |x: f32, y: f32| {
        let (x, y) = source(map, f64::from(x), f64::from(y));
        (x as f32, y as f32)
    };
    let mut warped = warp_with(&picture, fetch, Interpolation::Bicubic, Border::Replicate);
    for (x, y, pixel) in warped.enumerate_pixels_mut() {
        let (u, v) = from(x, y);
        let inside = |at: f64, side: u32| (-0.5..f64::from(side) - 0.5).contains(&at);
        if !(inside(u, width) && inside(v, height)) {
            *pixel = fill;
        }
    }
    samples.values = warped.into_raw();
}

/// The same map between numbers of pixels, whose centres are whole.
fn source([a, b, c, d, e, f]: Affine, x: f64, y: f64) -> (f64, f64) {
    let (x, y) = (x + 0.5, y + 0.5);
    (a * x + b * y + c - 0.5, d * x + e * y + f - 0.5)
}
