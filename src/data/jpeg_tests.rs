//! Reduced pictures against full ones, averaged; what is left to the other decoder; damage.

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageBuffer, Luma, Rgb};

use super::*;
use crate::data::{decode, decode_for};
use crate::spec::trial::ImgSize;

/// Pictures of 203 x 155 pixels by how they were saved, and whether they can be reduced.
const FILES: [(&str, &[u8], bool); 7] = [
    ("420", include_bytes!("../../tests/fixtures/jpeg/420.jpg"), true),
    ("422", include_bytes!("../../tests/fixtures/jpeg/422.jpg"), true),
    ("444", include_bytes!("../../tests/fixtures/jpeg/444.jpg"), true),
    ("grey", include_bytes!("../../tests/fixtures/jpeg/grey.jpg"), true),
    ("restart", include_bytes!("../../tests/fixtures/jpeg/restart.jpg"), true),
    (
        "progressive",
        include_bytes!("../../tests/fixtures/jpeg/progressive.jpg"),
        true,
    ),
    ("cmyk", include_bytes!("../../tests/fixtures/jpeg/cmyk.jpg"), false),
];

/// A rule under which a picture of 155 rows is divided by `divisor`.
fn least(divisor: usize) -> Least {
    let side = 155usize.div_ceil(divisor);
    Least::whole(ImgSize {
        height: side,
        width: side,
    })
}

/// The picture's pixels averaged by squares of `divisor`; those at the edges by what there is of them.
fn averaged(full: &Picture, divisor: usize) -> Vec<f64> {
    let (height, width) = (full.height.div_ceil(divisor), full.width.div_ceil(divisor));
    let mut sums = vec![[0.0, 0.0]; height * width * 3];
    for (place, &value) in full.rgb.iter().enumerate() {
        let (y, x) = (place / 3 / full.width / divisor, place / 3 % full.width / divisor);
        let [sum, count] = &mut sums[(y * width + x) * 3 + place % 3];
        (*sum, *count) = (*sum + f64::from(value), *count + 1.0);
    }
    sums.iter().map(|[sum, count]| sum / count).collect()
}

#[test]
fn a_reduced_picture_is_the_full_one_averaged_within_a_few_levels() {
    for (name, bytes, _) in FILES.into_iter().filter(|f| f.2) {
        let full = decode(bytes).unwrap();
        assert_eq!((full.height, full.width), (155, 203));
        for divisor in [4, 8] {
            let small = reduced(bytes, &least(divisor)).unwrap();
            assert_eq!(
                (small.height, small.width),
                (155usize.div_ceil(divisor), 203usize.div_ceil(divisor))
            );
            assert_eq!(decode_for(bytes, &least(divisor)).unwrap(), small, "{name}");
            let away: Vec<f64> = averaged(&full, divisor)
                .iter()
                .zip(&small.rgb)
                .map(|(a, &b)| f64::from(b) - a)
                .collect();
            let mean = |f: fn(f64) -> f64| away.iter().map(|&d| f(d)).sum::<f64>() / away.len() as f64;
            // At 1/8 the library rounds every level down, and the colours it makes of them with it.
            let (bias, apart) = (mean(|d| d), mean(f64::abs));
            assert!(
                bias.abs() < 1.0 && apart < 4.0,
                "{name} 1/{divisor}: {bias:.2} {apart:.2}"
            );
        }
    }
}

#[test]
fn what_cannot_be_reduced_and_what_is_not_large_is_decoded_as_ever() {
    for (name, bytes, reducible) in FILES {
        assert_eq!(reduced(bytes, &least(4)).is_some(), reducible, "{name}");
        assert_eq!(reduced(bytes, &least(1)), None, "{name}");
        assert_eq!(decode_for(bytes, &least(1)), decode(bytes), "{name}");
        if !reducible {
            assert_eq!(decode_for(bytes, &least(8)), decode(bytes), "{name}");
        }
    }
}

#[test]
fn truncated_files_are_refused_at_reduced_size_too() {
    for (name, bytes, _) in FILES {
        for cut in (1..bytes.len()).step_by(bytes.len() / 40) {
            assert!(decode_for(&bytes[..cut], &least(4)).is_err(), "{name} cut at {cut}");
        }
    }
}

#[test]
fn no_damage_makes_it_panic() {
    for (_, bytes, _) in FILES {
        for place in (2..bytes.len()).step_by(9).chain(2..700) {
            let mut damaged = bytes.to_vec();
            damaged[place] ^= 1 << (place / 9 % 8);
            // Anything may come out, except a panic or a picture of another size than its header says.
            if let Some(picture) = reduced(&damaged, &least(4)) {
                assert_eq!(picture.rgb.len(), picture.height * picture.width * 3);
            }
        }
    }
}

#[test]
fn flat_pictures_keep_their_level_at_every_size_and_shape() {
    for (height, width) in [(64, 64), (155, 203), (65, 71), (1, 300), (300, 1), (17, 33)] {
        for level in [0u8, 37, 128, 255] {
            let colour = DynamicImage::ImageRgb8(ImageBuffer::from_pixel(width, height, Rgb([level; 3])));
            let grey = DynamicImage::ImageLuma8(ImageBuffer::from_pixel(width, height, Luma([level])));
            for image in [colour, grey] {
                let mut bytes = Vec::new();
                image
                    .write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, 90))
                    .unwrap();
                let one = ImgSize { height: 1, width: 1 };
                let picture = reduced(&bytes, &Least::whole(one)).unwrap();
                let sides = (height.div_ceil(8) as usize, width.div_ceil(8) as usize);
                assert_eq!((picture.height, picture.width), sides);
                assert!(
                    picture.rgb.iter().all(|v| v.abs_diff(level) <= 1),
                    "{level} {height}x{width}"
                );
            }
        }
    }
}
