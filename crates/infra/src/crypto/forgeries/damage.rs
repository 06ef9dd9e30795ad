//! The live token, damaged.

use serde_json::json;

use super::{Target, decoded, encoded};

pub(super) fn forge(target: &Target, forge: &mut dyn FnMut(String, String)) {
    let genuine = target.genuine.as_str();
    flips(genuine, forge);
    last_characters(genuine, forge);
    for length in 0..genuine.len() {
        forge(format!("the first {length} bytes"), genuine[..length].to_owned());
        forge(format!("all but the first {} bytes", length + 1), genuine[length + 1..].to_owned());
    }
    parts(genuine, forge);
}

/// Every bit of every byte; what is no visible ASCII then cannot be sent in a header.
fn flips(genuine: &str, forge: &mut dyn FnMut(String, String)) {
    for index in 0..genuine.len() {
        for bit in 0..7 {
            let mut bytes = genuine.as_bytes().to_vec();
            bytes[index] ^= 1 << bit;
            if bytes[index].is_ascii_graphic() {
                forge(format!("bit {bit} of byte {index} flipped"), String::from_utf8_lossy(&bytes).into_owned());
            }
        }
    }
}

/// Where the bytes do not fill the last character, several characters may mean the same to a careless reader.
fn last_characters(genuine: &str, forge: &mut dyn FnMut(String, String)) {
    let ends = genuine.bytes().enumerate().filter(|(_, byte)| *byte == b'.').map(|(index, _)| index);
    for end in ends.chain([genuine.len()]) {
        for character in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=".chars() {
            let token = format!("{}{character}{}", &genuine[..end - 1], &genuine[end..]);
            forge(format!("{character} before byte {end}"), token);
        }
    }
}

fn parts(genuine: &str, forge: &mut dyn FnMut(String, String)) {
    let parts: Vec<&str> = genuine.split('.').collect();
    let [header, claims, signature] = parts[..] else { return };
    let (long, zeros) = (decoded(signature), vec![0; decoded(signature).len()]);
    let recut = [
        ("a dot before", format!(".{genuine}")),
        ("a dot after", format!("{genuine}.")),
        ("a doubled dot", format!("{header}..{claims}.{signature}")),
        ("another doubled dot", format!("{header}.{claims}..{signature}")),
        ("a fourth part", format!("{genuine}.{signature}")),
        ("five parts", format!("{header}.{claims}.{signature}.{claims}.{signature}")),
        ("the token twice", format!("{genuine}{genuine}")),
        ("the token twice, with a dot", format!("{genuine}.{genuine}")),
        ("only dots", "..".to_owned()),
        ("more dots", "....".to_owned()),
        ("no header", format!(".{claims}.{signature}")),
        ("no claims", format!("{header}..{signature}")),
        ("no signature", format!("{header}.{claims}.")),
        ("two parts", format!("{header}.{claims}")),
        ("turned parts", format!("{signature}.{claims}.{header}")),
        ("the claims as the header", format!("{claims}.{claims}.{signature}")),
        ("the header as the claims", format!("{header}.{header}.{signature}")),
        ("padding", format!("{header}=.{claims}=.{signature}=")),
        ("padding after", format!("{genuine}=")),
        ("more padding after", format!("{genuine}==")),
        ("an escaped padding after", format!("{genuine}%3D")),
        ("escaped dots", genuine.replace('.', "%2E")),
        ("a comma", format!("{genuine},{genuine}")),
        ("quotes", format!("\"{genuine}\"")),
        ("capitals", genuine.to_uppercase()),
        ("small letters", genuine.to_lowercase()),
        ("a signature of zeros", format!("{header}.{claims}.{}", encoded(zeros))),
        ("half a signature", format!("{header}.{claims}.{}", encoded(&long[..long.len() / 2]))),
        ("a longer signature", format!("{header}.{claims}.{}", encoded([&long[..], &[0]].concat()))),
        ("a doubled signature", format!("{header}.{claims}.{}", encoded([&long[..], &long].concat()))),
        ("a signature plus the order of the curve", format!("{header}.{claims}.{}", encoded(plus_order(&long)))),
        (
            "JWS in JSON",
            json!({"protected": header, "payload": claims, "signature": signature}).to_string().replace(' ', ""),
        ),
    ];
    for (how, token) in recut {
        forge(how.to_owned(), token);
    }
}

/// The same signature to whoever does not check that S is below the order of the curve (RFC 8032 §5.1.7).
fn plus_order(signature: &[u8]) -> Vec<u8> {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut sum = signature.to_vec();
    let mut carry = 0;
    let at = sum.len().saturating_sub(ORDER.len());
    for (byte, order) in sum[at..].iter_mut().zip(ORDER) {
        carry += u16::from(*byte) + u16::from(order);
        *byte = carry.to_le_bytes()[0];
        carry >>= 8;
    }
    sum
}
