//! Values that one layer leaves in a request for another.

use std::any::{Any, TypeId};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, Request, Result};

impl Request {
    /// Leaves a value for the layers below, of this plugin or of others: in the [env](Self::env), as JSON.
    ///
    /// ```
    /// use stackup_plugin::serde::{Deserialize, Serialize};
    /// use stackup_plugin::{Next, Request, Result, testing};
    ///
    /// #[derive(Serialize, Deserialize)]
    /// #[serde(crate = "stackup_plugin::serde")]
    /// struct Claims {
    ///     sub: String,
    /// }
    ///
    /// async fn authenticate(mut req: Request, next: Next<'_>) -> Result {
    ///     req.put("jwt.claims", &Claims { sub: "ada".to_owned() })?;
    ///     next.run(req).await
    /// }
    ///
    /// async fn greet(req: Request) -> Result<String> {
    ///     let claims: Option<Claims> = req.get("jwt.claims")?;
    ///     Ok(claims.map_or("Who are you?".to_owned(), |claims| format!("Hello, {}!", claims.sub)))
    /// }
    /// # fn main() -> Result<()> {
    /// # testing::block_on(async {
    /// let stack = testing::middleware_fn(authenticate)?.over(testing::app_fn(greet)?);
    /// assert_eq!(stack.answer(testing::get("/")).await?.finish().await?, "Hello, ada!");
    /// # Ok(()) })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The value can't be JSON.
    pub fn put<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<()> {
        let json = serde_json::to_string(value)
            .map_err(|error| Error::msg(format!("`{name}` can't be JSON: {error}")))?;
        self.env_mut().set(name, json);
        Ok(())
    }

    /// The value that a layer above has [`put`](Self::put) under this name.
    ///
    /// # Errors
    ///
    /// It has another shape: the two layers disagree.
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let Some(json) = self.handle().env_get(name) else {
            return Ok(None);
        };
        let mut json = serde_json::Deserializer::from_str(json);
        let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            Error::msg(format!(
                "`{name}` does not fit what this layer expects: {error}"
            ))
        })?;
        Ok(Some(value))
    }

    /// Keeps a value for the layers below in *this library*, until the request is dropped: without serde, and one of each type.
    /// Returns the one that it replaces. Other libraries do not see it, nor does a [`fork`](Self::fork).
    pub fn set_local<T: Any + Send + Sync>(&mut self, value: T) -> Option<T> {
        let values = self.handle_mut().values_mut();
        let old = values.insert(TypeId::of::<T>(), Box::new(value))?;
        old.downcast().ok().map(|old| *old)
    }

    /// The value of this type that a layer in this library has [set](Self::set_local).
    pub fn local<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.handle()
            .values()?
            .get(&TypeId::of::<T>())?
            .downcast_ref()
    }

    /// The same, for editing.
    pub fn local_mut<T: Any + Send + Sync>(&mut self) -> Option<&mut T> {
        let values = self.handle_mut().values_mut();
        values.get_mut(&TypeId::of::<T>())?.downcast_mut()
    }
}
