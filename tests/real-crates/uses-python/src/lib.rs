//! An app that runs Python. Its answer comes from an extension module, which needs the interpreter's symbols as well.

#![forbid(unsafe_code)]

use pyo3::types::{PyAnyMethods, PyModule};
use pyo3::{Py, PyResult, Python};
use stackup_plugin::{App, Context, IntoResponse, Request, Result};

/// Identifies this library among its copies: tests patch the digits in the file.
const CODE: &str = "stackup-python-code-00000000";

/// An extension module of the standard library, a shared library of its own.
struct Runs(Py<PyModule>);

impl App for Runs {
    type Config = ();

    fn init((): (), _cx: &Context) -> Result<Self> {
        Python::initialize();
        let module = Python::attach(|py| py.import("_json").map(|module| module.unbind()));
        Ok(Self(module?))
    }

    async fn call(&self, _req: Request) -> Result {
        let quoted: PyResult<String> = Python::attach(|py| {
            let function = self.0.bind(py).getattr("encode_basestring")?;
            function.call1((std::hint::black_box(CODE),))?.extract()
        });
        quoted?.into_response()
    }
}

stackup_plugin::export!(app Runs);
