//! Every target over its corpus, and over changes of it that are the same in every run.
//!
//! What a longer run of `cargo +nightly fuzz` finds goes into the corpus as a file, and is tried here from then on.
#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};

use fuzz_targets::{TARGETS, Target, access_token, api_key};

/// How many changed inputs each target gets.
const CHANGES: usize = 4000;
/// No changed input is longer than so many bytes.
const MAX_BYTES: usize = 8 * 1024;
/// What parsers stumble over.
const STUMBLING_BLOCKS: [&[u8]; 16] = [
    b"\0",
    b"\n",
    b"\r\n",
    b"\"",
    b"\\",
    b",",
    b".",
    b":",
    b" ",
    b"\xff",
    b"\xef\xbb\xbf",
    b"data: ",
    b"[DONE]",
    b"18446744073709551616",
    b"{}",
    b"\xed\xa0\x80",
];

/// `SplitMix64`: the same numbers on every machine.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap()
    }
}

#[test]
fn access_tokens() {
    // The one that is good is as long as the settings behind it are these.
    try_all_and("access_token", access_token::issued().as_bytes());
}

#[test]
fn api_keys() {
    try_all_and("api_key", api_key::made().as_bytes());
}

#[test]
fn bearer_headers() {
    try_all("bearer_header");
}

#[test]
fn import_tables() {
    try_all("import_table");
}

#[test]
fn upstream_streams() {
    try_all("upstream_stream");
}

#[test]
fn every_target_is_tried_and_can_be_fuzzed() {
    let names = |folder: &str| -> Vec<String> {
        let files = fs::read_dir(fuzz().join(folder)).unwrap();
        let mut names: Vec<String> =
            files.map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    let targets: Vec<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names("fuzz_targets"), targets);
    assert_eq!(names("corpus"), targets);
    let tests = include_str!("corpus.rs");
    for name in &targets {
        assert!(tests.contains(&format!("(\"{name}\"")), "{name} is not tried");
    }
}

fn try_all(name: &str) {
    try_all_and(name, b"");
}

fn try_all_and(name: &str, made_here: &[u8]) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).unwrap();
    let mut corpus = corpus(name);
    corpus.push(made_here.to_vec());
    assert!(corpus.len() >= 3, "the corpus of {name} is too small to begin with");
    for input in &corpus {
        attempt(name, *target, input);
    }
    let mut numbers = Numbers(1);
    for _ in 0..CHANGES {
        let input = changed(&corpus, &mut numbers);
        attempt(name, *target, &input);
    }
}

fn attempt(name: &str, target: Target, input: &[u8]) {
    let stood = std::panic::catch_unwind(|| target(input)).is_ok();
    assert!(stood, "{name} does not stand this; make it a file of its corpus:\n{}", input.escape_ascii());
}

/// One of the corpus, changed in up to four places.
fn changed(corpus: &[Vec<u8>], numbers: &mut Numbers) -> Vec<u8> {
    let mut input = corpus[numbers.below(corpus.len())].clone();
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(input.len() + 1);
        let end = (at + numbers.below(32)).min(input.len());
        match numbers.below(6) {
            0 if at < input.len() => input[at] ^= 1 << numbers.below(8),
            1 => drop(input.drain(at..end)),
            2 => {
                let again = input[at..end].to_vec();
                input.splice(at..at, again);
            }
            3 => drop(input.splice(at..end, STUMBLING_BLOCKS[numbers.below(STUMBLING_BLOCKS.len())].iter().copied())),
            4 => {
                let other = &corpus[numbers.below(corpus.len())];
                input.truncate(at);
                input.extend_from_slice(&other[numbers.below(other.len() + 1)..]);
            }
            _ => input.truncate(at.max(1)),
        }
    }
    input.truncate(MAX_BYTES);
    input
}

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(fuzz().join("corpus").join(name)).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().join("fuzz")
}
