//! TLS of errands.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::ring;

use crate::config::TrustSettings;
use crate::model::Problem;
use crate::trust::verifier;

/// TLS of a client who believes these authorities.
///
/// # Errors
/// When their file cannot be read or used.
pub fn client_config(settings: &TrustSettings) -> Result<ClientConfig, Problem> {
    let provider = Arc::new(ring::default_provider());
    let verifier = verifier(settings, &provider)?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has suites for TLS 1.2 and 1.3");
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}
