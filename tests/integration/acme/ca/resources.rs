//! The CA's resources (RFC 8555 §7.1).

use std::sync::Arc;

use http::StatusCode;
use rcgen::{PKCS_ECDSA_P256_SHA256, PublicKeyData, SignatureAlgorithm};
use serde_json::{Value, json};
use x509_parser::prelude::{FromDer, GeneralName, ParsedExtension, X509CertificationRequest};

use super::jws::{self, Signed};
use super::state::{Account, Authorization, Order, State};
use super::{Answer, Content, Shared, problem, problem_document, validation};

const KINDS: [&str; 2] = ["http-01", "tls-alpn-01"];

pub(super) fn directory(ca: &Shared) -> Answer {
    let url = &ca.url;
    let value = json!({
        "newNonce": format!("{url}/nonce"),
        "newAccount": format!("{url}/account"),
        "newOrder": format!("{url}/order"),
    });
    Answer::json(StatusCode::OK, value)
}

/// What a signed request gets.
pub(super) fn post(path: &str, request: &Signed, ca: &Arc<Shared>) -> Result<Answer, Answer> {
    let parts: Vec<_> = path.trim_start_matches('/').split('/').collect();
    let number = |index: usize| parts.get(index).and_then(|part| part.parse().ok());
    let (first, second) = (
        number(1).unwrap_or(usize::MAX),
        number(2).unwrap_or_default(),
    );
    match parts.as_slice() {
        ["account"] => Ok(new_account(request, ca)),
        ["account", _] => Ok(Answer::json(StatusCode::OK, json!({ "status": "valid" }))),
        ["order"] => new_order(request, ca),
        ["order", _] => of_order(first, request, ca, |order| order_value(first, order, ca)),
        ["authorization", ..] => of_order(first, request, ca, |order| {
            authorization_value(first, second, order, ca)
        }),
        ["challenge", _, _, kind] => {
            try_challenge(first, second, kind, ca);
            of_order(first, request, ca, |order| {
                challenge_value(first, second, kind, order, ca)
            })
        }
        ["finalize", _] => {
            finalize(first, request, ca)?;
            of_order(first, request, ca, |order| order_value(first, order, ca))
        }
        ["certificate", _] => {
            let state = ca.state();
            let order = state.orders.get(first);
            let pem = order.and_then(|order| order.certificate.clone());
            let pem = pem.ok_or_else(|| problem(404, "malformed", "there is none"))?;
            Ok(Answer {
                status: StatusCode::OK,
                location: None,
                content: Content::Pem(pem + ca.signer.pem()),
            })
        }
        _ => Err(problem(404, "malformed", "there is no such resource")),
    }
}

fn new_account(request: &Signed, ca: &Shared) -> Answer {
    let mut state = ca.state();
    assert_eq!(request.payload["termsOfServiceAgreed"], true);
    state.accounts.push(Account {
        thumbprint: jws::thumbprint(&request.jwk),
        jwk: request.jwk.clone(),
    });
    let location = format!("{}/account/{}", ca.url, state.accounts.len() - 1);
    Answer {
        location: Some(location),
        ..Answer::json(StatusCode::CREATED, json!({ "status": "valid" }))
    }
}

fn new_order(request: &Signed, ca: &Shared) -> Result<Answer, Answer> {
    let mut state = ca.state();
    state.asked += 1;
    if let Some((status, kind, detail)) = state.refusals.pop() {
        return Err(problem(status, &kind, &detail));
    }
    let account = request
        .account
        .ok_or_else(|| problem(400, "malformed", "no account"))?;
    let number = state.orders.len();
    let identifiers = request.payload["identifiers"]
        .as_array()
        .into_iter()
        .flatten();
    let domains = identifiers.filter_map(|one| one["value"].as_str());
    let authorizations = domains.enumerate().map(|(index, domain)| Authorization {
        domain: domain.to_owned(),
        token: format!("token-{number}-{index}_"),
        tried: None,
    });
    let order = Order {
        account,
        authorizations: authorizations.collect(),
        certificate: None,
    };
    let value = order_value(number, &order, ca);
    state.orders.push(order);
    Ok(Answer {
        location: Some(format!("{}/order/{number}", ca.url)),
        ..Answer::json(StatusCode::CREATED, value)
    })
}

/// What an order shows to its account.
fn of_order(
    number: usize,
    request: &Signed,
    ca: &Shared,
    show: impl Fn(&Order) -> Value,
) -> Result<Answer, Answer> {
    let state = ca.state();
    let order = state.orders.get(number);
    let order = order.filter(|order| request.account == Some(order.account));
    let order = order.ok_or_else(|| problem(404, "malformed", "there is no such order"))?;
    Ok(Answer::json(StatusCode::OK, show(order)))
}

fn order_value(number: usize, order: &Order, ca: &Shared) -> Value {
    let url = &ca.url;
    let authorizations = 0..order.authorizations.len();
    let authorizations =
        authorizations.map(|index| format!("{url}/authorization/{number}/{index}"));
    let mut value = json!({
        "status": order.status(),
        "authorizations": authorizations.collect::<Vec<_>>(),
        "finalize": format!("{url}/finalize/{number}"),
    });
    if order.certificate.is_some() {
        value["certificate"] = json!(format!("{url}/certificate/{number}"));
    }
    value
}

fn authorization_value(number: usize, index: usize, order: &Order, ca: &Shared) -> Value {
    let authorization = &order.authorizations[index];
    let challenges = KINDS.map(|kind| challenge_value(number, index, kind, order, ca));
    json!({
        "status": authorization.status(),
        "identifier": { "type": "dns", "value": authorization.domain },
        "challenges": challenges,
    })
}

fn challenge_value(number: usize, index: usize, kind: &str, order: &Order, ca: &Shared) -> Value {
    let authorization = &order.authorizations[index];
    let tried = authorization.tried.as_ref();
    let tried = tried
        .filter(|(tried, _)| tried == kind)
        .map(|(_, result)| result);
    let (status, error) = match tried {
        None => ("pending", Value::Null),
        Some(None) => ("processing", Value::Null),
        Some(Some(Ok(()))) => ("valid", Value::Null),
        Some(Some(Err(why))) => ("invalid", problem_document(403, "unauthorized", why)),
    };
    json!({
        "type": kind,
        "url": format!("{}/challenge/{number}/{index}/{kind}", ca.url),
        "token": authorization.token,
        "status": status,
        "error": error,
    })
}

/// Starts the validation of a name. Later requests to start it change nothing.
fn try_challenge(number: usize, index: usize, kind: &str, ca: &Arc<Shared>) {
    let mut state = ca.state();
    let State {
        orders, accounts, ..
    } = &mut *state;
    let order = &mut orders[number];
    let authorization = &mut order.authorizations[index];
    if authorization.tried.is_some() {
        return;
    }
    authorization.tried = Some((kind.to_owned(), None));
    let token = authorization.token.clone();
    let challenge = validation::Challenge {
        domain: authorization.domain.clone(),
        key_authorization: format!("{token}.{}", accounts[order.account].thumbprint),
        token,
        kind: kind.to_owned(),
    };
    let shared = Arc::clone(ca);
    tokio::spawn(async move {
        shared.tried.send_modify(|tried| *tried += 1);
        let mut targets = shared.targets.subscribe();
        let targets = targets.wait_for(Option::is_some).await;
        let targets = targets.ok().and_then(|targets| targets.clone());
        let result = challenge.validate(&targets.expect("some")).await;
        let mut state = shared.state();
        state.orders[number].authorizations[index].tried = Some((challenge.kind, Some(result)));
    });
}

fn finalize(number: usize, request: &Signed, ca: &Shared) -> Result<(), Answer> {
    let bad = |what: &str| problem(400, "badCSR", what);
    let mut state = ca.state();
    let validity = state.validity.take().unwrap_or((0, 90));
    let order = state
        .orders
        .get_mut(number)
        .ok_or_else(|| bad("no order"))?;
    if order.status() != "ready" {
        return Err(problem(403, "orderNotReady", "names are missing"));
    }
    let csr = request.payload["csr"].as_str().and_then(jws::decode);
    let csr = csr.ok_or_else(|| bad("it is not encoded"))?;
    let (_, csr) = X509CertificationRequest::from_der(&csr).map_err(|_| bad("it is no CSR"))?;
    let wanted: Vec<_> = order
        .authorizations
        .iter()
        .map(|one| one.domain.clone())
        .collect();
    if names(&csr) != wanted {
        return Err(bad("its names are others than those of the order"));
    }
    let info = &csr.certification_request_info.subject_pki;
    let key = P256(info.subject_public_key.data.to_vec());
    order.certificate = Some(ca.signer.certify(&wanted, &key, validity));
    Ok(())
}

fn names(csr: &X509CertificationRequest<'_>) -> Vec<String> {
    let extensions = csr.requested_extensions().into_iter().flatten();
    let names = extensions.flat_map(|extension| match extension {
        ParsedExtension::SubjectAlternativeName(names) => names.general_names.clone(),
        _ => Vec::new(),
    });
    let names = names.filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(name.to_owned()),
        _ => None,
    });
    names.collect()
}

/// A key of the curve P-256.
struct P256(Vec<u8>);

impl PublicKeyData for P256 {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}
