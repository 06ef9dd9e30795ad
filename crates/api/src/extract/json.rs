use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

use crate::error::{ApiError, ErrorCode, FieldError};

/// The JSON object in `body`.
///
/// What is no JSON, or nested too deep, is 400; what is JSON of another shape is 422 and says where.
pub(crate) fn parse_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    // serde would take an array for a struct, field by field.
    if body.iter().find(|byte| !byte.is_ascii_whitespace()).is_some_and(|first| *first != b'{') {
        well_formed(body)?;
        return Err(ApiError::validation(vec![FieldError::new("", "must be an object")]));
    }
    // A body that is known to be wrong is read again: to the end, and keeping track of where one is.
    serde_json::from_slice(body).map_err(|error| match error.classify() {
        Category::Data => well_formed(body).err().unwrap_or_else(|| wrong_shape::<T>(body, &error)),
        Category::Syntax | Category::Eof | Category::Io => malformed(&error),
    })
}

fn well_formed(body: &[u8]) -> Result<(), ApiError> {
    serde_json::from_slice::<IgnoredAny>(body).map(drop).map_err(|error| malformed(&error))
}

fn malformed(error: &serde_json::Error) -> ApiError {
    let detail = format!("The body is not well-formed JSON: line {}, column {}.", error.line(), error.column());
    ApiError::new(ErrorCode::MalformedJson, detail)
}

fn wrong_shape<T: DeserializeOwned>(body: &[u8], first: &serde_json::Error) -> ApiError {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let (pointer, error) = match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
        Err(error) => (json_pointer(error.path()), error.inner().to_string()),
        Ok(_) => (String::new(), first.to_string()),
    };
    ApiError::validation(vec![explain(pointer, &error)])
}

/// What serde says of a field, as a client should read it. The value itself is not repeated.
fn explain(pointer: String, error: &str) -> FieldError {
    let error = error.rsplit_once(" at line ").map_or(error, |(message, _)| message);
    let named = |prefix: &str| error.strip_prefix(prefix)?.split('`').next();
    if named("unknown field `").is_some() {
        FieldError::new(pointer, "is not a known field")
    } else if let Some(field) = named("missing field `") {
        FieldError::new(pointer + "/" + field, "is required")
    } else if let Some(field) = named("duplicate field `") {
        FieldError::new(pointer + "/" + field, "is given more than once")
    } else {
        let expected = error.rsplit_once(", expected ").map_or("of another type", |(_, expected)| expected);
        let expected = match expected {
            "u64" => "a whole number that is not negative",
            "f32" => "a number",
            "a map" => "an object",
            other => other,
        };
        FieldError::new(pointer, format_args!("must be {expected}"))
    }
}

/// RFC 6901.
fn json_pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => {
                pointer.push('/');
                pointer.push_str(&index.to_string());
            }
            Segment::Map { key } => {
                pointer.push('/');
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}
