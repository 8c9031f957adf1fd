//! `config`: TOML to JSON, with the span of every value.

use serde_json::{Map, Number, Value};
use toml::de::{DeFloat, DeInteger, DeTable, DeValue};

use super::{Node, Reader};
use crate::load::manifest::directive::KeySpans;
use crate::load::manifest::{Config, Diagnostic};

/// A value as the handler gets it, and as it is written: with `${VAR}`.
type Pair = (Value, Value);

/// The config. Invalid values are reported and become `null`.
pub(super) fn config(
    reader: &mut Reader<'_>,
    table: &DeTable<'_>,
    path: &str,
    places: &mut KeySpans,
) -> Config {
    let (values, written) = object(reader, table, path, places);
    Config::new(values, written)
}

fn object(
    reader: &mut Reader<'_>,
    table: &DeTable<'_>,
    path: &str,
    places: &mut KeySpans,
) -> (Map<String, Value>, Map<String, Value>) {
    let (mut values, mut all_written) = (Map::new(), Map::new());
    for (key, node) in table {
        let name = key.get_ref();
        let path = format!("{path}.{name}");
        places.record(path.clone(), key.span(), node.span());
        let (value, written) = value(reader, node, &path, places);
        values.insert(name.to_string(), value);
        all_written.insert(name.to_string(), written);
    }
    (values, all_written)
}

fn value(reader: &mut Reader<'_>, node: Node<'_>, path: &str, places: &mut KeySpans) -> Pair {
    let value = match node.get_ref() {
        DeValue::String(text) => {
            let filled = reader.filled(text, node.span());
            return (filled.into(), text.as_ref().into());
        }
        DeValue::Table(table) => {
            let (values, written) = object(reader, table, path, places);
            return (values.into(), written.into());
        }
        DeValue::Array(items) => {
            let items = items.iter().enumerate().map(|(index, item)| {
                let path = format!("{path}[{index}]");
                places.record(path.clone(), item.span(), item.span());
                value(reader, item, &path, places)
            });
            let (values, written): (Vec<Value>, Vec<Value>) = items.unzip();
            return (values.into(), written.into());
        }
        DeValue::Integer(text) => integer(reader, node, text),
        DeValue::Float(text) => float(reader, node, text),
        DeValue::Boolean(boolean) => Value::Bool(*boolean),
        // JSON has no dates; a string is what serde's date types read.
        DeValue::Datetime(datetime) => Value::String(datetime.to_string()),
    };
    (value.clone(), value)
}

fn integer(reader: &mut Reader<'_>, node: Node<'_>, integer: &DeInteger<'_>) -> Value {
    let (text, radix) = (integer.as_str(), integer.radix());
    if let Ok(number) = i64::from_str_radix(text, radix) {
        return number.into();
    }
    if let Ok(number) = u64::from_str_radix(text, radix) {
        return number.into();
    }
    reader.report(
        Diagnostic::error(node.span(), "this integer does not fit in 64 bits")
            .label(format!("allowed: {} to {}", i64::MIN, u64::MAX))
            .help("write it as a string, if the plugin accepts one"),
    );
    Value::Null
}

fn float(reader: &mut Reader<'_>, node: Node<'_>, float: &DeFloat<'_>) -> Value {
    match float.as_str().parse().ok().and_then(Number::from_f64) {
        Some(number) => Value::Number(number),
        None => {
            reader.report(
                Diagnostic::error(
                    node.span(),
                    format!("`{}` cannot be passed to a plugin", float.as_str()),
                )
                .label("not a finite number")
                .note("plugins get their config as JSON, which has no `nan` or `inf`")
                .help("write a finite number, or remove the key"),
            );
            Value::Null
        }
    }
}
