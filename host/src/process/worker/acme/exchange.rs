//! What stackup and the CA say to each other for one certificate (RFC 8555 §7).

use std::time::Duration;

use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, ChallengeType, Error, Identifier, NewAccount,
    NewOrder, Order, OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::attempts::BegunOrder;
use super::client::AcmeClient;
use super::error::OrderError;
use crate::load::acme::{AcmeFolder, PendingChallenge};
use crate::load::manifest::{Acme, AcmeChallenge};

/// How often the CA is asked whether it has decided, and for how long.
const ASK_AGAIN: RetryPolicy = RetryPolicy::new()
    .initial_delay(Duration::from_millis(250))
    .backoff(1.5)
    .timeout(Duration::from_secs(180));

const ACCOUNT: &str = "account.json";

/// The account's file.
#[derive(Serialize, Deserialize)]
struct SavedAccount {
    credentials: Value,
    contact: Vec<String>,
}

/// One certificate's exchange with its CA.
pub(super) struct Exchange<'a> {
    pub(super) acme: &'a Acme,
    pub(super) folder: &'a AcmeFolder,
    pub(super) client: AcmeClient,
}

impl Exchange<'_> {
    /// Gets the certificate, and returns it, those of its CAs and its key as PEM. Continues an order that has `begun`. `begins` is called
    /// before the CA is asked for another.
    pub(super) async fn run(
        &self,
        begun: Option<BegunOrder>,
        begins: &mut (dyn FnMut() -> Result<(), OrderError> + Send),
    ) -> Result<String, OrderError> {
        let account = self.account().await?;
        let known = match begun {
            Some(begun) => self.known_order(&account, begun).await?,
            None => None,
        };
        let (mut order, key) = match known {
            Some(known) => known,
            None => self.new_order(&account, begins).await?,
        };
        let completed = self.complete(&mut order, &key).await;
        PendingChallenge::end_all(self.folder)?;
        Ok(completed? + &key)
    }

    async fn account(&self) -> Result<Account, OrderError> {
        let failed = |error: Error| OrderError::of(&error, self.acme);
        let builder = Account::builder_with_http(Box::new(self.client.clone()));
        let contact: Vec<&str> = self.acme.contact.iter().map(String::as_str).collect();
        let saved = self.folder.read(ACCOUNT)?;
        let saved = saved.and_then(|text| serde_json::from_str::<SavedAccount>(&text).ok());
        let credentials = saved.and_then(|saved| {
            let known = AccountCredentials::deserialize(&saved.credentials).ok()?;
            Some((known, saved))
        });
        if let Some((known, mut saved)) = credentials {
            let account = builder.from_credentials(known).await.map_err(failed)?;
            if saved.contact != self.acme.contact {
                account.update_contacts(&contact).await.map_err(failed)?;
                self.acme.contact.clone_into(&mut saved.contact);
                self.save(&saved)?;
            }
            return Ok(account);
        }
        let new = NewAccount {
            contact: &contact,
            terms_of_service_agreed: true,
            only_return_existing: false,
        };
        let made = builder.create(&new, self.acme.directory.clone(), None);
        let (account, credentials) = made.await.map_err(failed)?;
        self.save(&SavedAccount {
            credentials: serde_json::to_value(credentials).unwrap_or_default(),
            contact: self.acme.contact.clone(),
        })?;
        Ok(account)
    }

    fn save(&self, account: &SavedAccount) -> Result<(), OrderError> {
        let text = serde_json::to_string(account).unwrap_or_default();
        Ok(self.folder.write(ACCOUNT, &text)?)
    }

    /// The order that has begun; none if the CA does not know it any more.
    async fn known_order(
        &self,
        account: &Account,
        begun: BegunOrder,
    ) -> Result<Option<(Order, String)>, OrderError> {
        match account.order(begun.url).await {
            Ok(order) => Ok(Some((order, begun.key))),
            Err(Error::Api(problem)) if problem.status < Some(500) => Ok(None),
            Err(error) => Err(OrderError::of(&error, self.acme)),
        }
    }

    async fn new_order(
        &self,
        account: &Account,
        begins: &mut (dyn FnMut() -> Result<(), OrderError> + Send),
    ) -> Result<(Order, String), OrderError> {
        let key = KeyPair::generate().map_err(no_certificate)?.serialize_pem();
        let domains = self.acme.domains.iter().cloned();
        let identifiers: Vec<_> = domains.map(Identifier::Dns).collect();
        begins()?;
        let order = account.new_order(&NewOrder::new(&identifiers)).await;
        let order = order.map_err(|error| OrderError::of(&error, self.acme))?;
        let begun = BegunOrder::new(order.url(), key.clone(), self.acme);
        begun.write(self.folder, self.acme)?;
        Ok((order, key))
    }

    /// Takes the order from wherever it is to its certificate.
    async fn complete(&self, order: &mut Order, key: &str) -> Result<String, OrderError> {
        let failed = |error: Error| OrderError::of(&error, self.acme);
        let mut status = order.state().status;
        if status == OrderStatus::Pending {
            self.answer(order).await?;
            match order.poll_ready(&ASK_AGAIN).await {
                Ok(decided) => status = decided,
                Err(Error::Api(problem)) => {
                    let error = self.refusal(order).await;
                    return Err(error.unwrap_or_else(|| failed(Error::Api(problem))));
                }
                Err(error) => return Err(failed(error)),
            }
        }
        match status {
            OrderStatus::Invalid => {
                let unknown = || OrderError::refused("the CA has ended the order without a reason");
                return Err(self.refusal(order).await.unwrap_or_else(unknown));
            }
            OrderStatus::Ready => {
                let csr = csr(&self.acme.domains, key)?;
                order.finalize_csr(&csr).await.map_err(failed)?;
            }
            _ => {}
        }
        let certificate = order.poll_certificate(&ASK_AGAIN).await;
        certificate.map_err(failed)
    }

    /// Has the CA try the names of which it is not sure yet.
    async fn answer(&self, order: &mut Order) -> Result<(), OrderError> {
        let failed = |error: Error| OrderError::of(&error, self.acme);
        let kind = match self.acme.challenge {
            AcmeChallenge::TlsAlpn01 => ChallengeType::TlsAlpn01,
            AcmeChallenge::Http01 => ChallengeType::Http01,
        };
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization.map_err(failed)?;
            // What is neither has an error of its own, which the order then has, too.
            if authorization.status != AuthorizationStatus::Pending {
                continue;
            }
            let domain = authorization.identifier().to_string();
            let Some(mut challenge) = authorization.challenge(kind.clone()) else {
                let text = format!(
                    "the CA does not offer to validate `{domain}` by {}\nhelp: choose another `challenge`, or another `directory`",
                    self.acme.challenge
                );
                return Err(OrderError::refused(text));
            };
            let response = challenge.key_authorization();
            let certificate;
            let pending = match self.acme.challenge {
                AcmeChallenge::Http01 => PendingChallenge::Http01 {
                    token: &challenge.token,
                    key_authorization: response.as_str(),
                },
                AcmeChallenge::TlsAlpn01 => {
                    certificate = challenge_certificate(&domain, response.digest().as_ref())?;
                    PendingChallenge::TlsAlpn01 {
                        domain: &domain,
                        certificate: &certificate,
                    }
                }
            };
            pending.begin(self.folder)?;
            challenge.set_ready().await.map_err(failed)?;
        }
        Ok(())
    }

    /// Why the CA is not sure of a name, if it says so.
    async fn refusal(&self, order: &mut Order) -> Option<OrderError> {
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization.ok()?;
            authorization.refresh().await.ok()?;
            let domain = authorization.identifier().to_string();
            let mut problems = authorization.challenges.iter();
            if let Some(problem) = problems.find_map(|challenge| challenge.error.as_ref()) {
                return Some(OrderError::of_challenge(&domain, problem, self.acme));
            }
        }
        None
    }
}

/// The request for a certificate (RFC 2986), as DER.
fn csr(domains: &[String], key: &str) -> Result<Vec<u8>, OrderError> {
    let key = KeyPair::from_pem(key).map_err(no_certificate)?;
    let mut params = CertificateParams::new(domains).map_err(no_certificate)?;
    params.distinguished_name = DistinguishedName::new();
    let csr = params.serialize_request(&key).map_err(no_certificate)?;
    Ok(csr.der().to_vec())
}

/// What a handshake shows to a CA (RFC 8737 §3), with its key, as PEM.
fn challenge_certificate(domain: &str, digest: &[u8]) -> Result<String, OrderError> {
    let mut params = CertificateParams::new([domain.to_owned()]).map_err(no_certificate)?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let key = KeyPair::generate().map_err(no_certificate)?;
    let certificate = params.self_signed(&key).map_err(no_certificate)?;
    Ok(certificate.pem() + &key.serialize_pem())
}

fn no_certificate(error: rcgen::Error) -> OrderError {
    OrderError::refused(format!(
        "no request for the certificate can be made: {error}"
    ))
}
