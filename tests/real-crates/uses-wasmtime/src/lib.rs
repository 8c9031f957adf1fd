//! An app that runs WebAssembly. A trap of it is a signal, which wasmtime turns into an error.

use stackup_plugin::{App, Context, Error, IntoResponse, Request, Result};
use wasmtime::{Engine, Instance, Module, Store};

/// Divides by its argument, and loads from its argument's address.
const MODULE: &str = r#"
(module
  (memory 1)
  (func (export "divide") (param i32) (result i32) (i32.div_s (i32.const 8) (local.get 0)))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0))))
"#;

struct Wasm {
    engine: Engine,
    module: Module,
}

impl Wasm {
    fn run(&self, function: &str, argument: i32) -> Result<i32> {
        let failed = |error: wasmtime::Error| Error::msg(format!("{error:?}"));
        let mut store = Store::new(&self.engine, ());
        let instance = Instance::new(&mut store, &self.module, &[]).map_err(failed)?;
        let function = instance
            .get_typed_func::<i32, i32>(&mut store, function)
            .map_err(failed)?;
        function.call(&mut store, argument).map_err(failed)
    }
}

impl App for Wasm {
    type Config = ();

    fn init((): (), _cx: &Context) -> Result<Self> {
        let engine = Engine::default();
        let module = Module::new(&engine, MODULE)
            .map_err(|error| Error::msg(format!("{error:?}")))?;
        Ok(Self { engine, module })
    }

    async fn call(&self, req: Request) -> Result {
        let result = match req.path_info() {
            "/divide" => self.run("divide", 2),
            "/divide-by-zero" => self.run("divide", 0),
            "/load-outside" => self.run("load", i32::MAX),
            _ => fault(),
        };
        match result {
            Ok(number) => number.to_string().into_response(),
            Err(error) => error.to_string().into_response(),
        }
    }
}

fn fault() -> ! {
    // SAFETY: none. It exists to crash.
    unsafe { std::ptr::without_provenance_mut::<u8>(8).write_volatile(1) }
    std::process::abort()
}

stackup_plugin::export!(app Wasm);
