//! The host's function table.

use abi_stable::prefix_type::WithMetadata;

use super::request::{certificate, functions as request, offer, value};
use super::{
    body, context, counters, detached, failure, fetch, gauges, guest, headers, histograms,
    informer, node, response, services, store, threads,
};
use crate::abi::tables::{HostExtension, HostExtensionRef, HostTable, HostTableRef};

/// The table that this process gives its plugins.
pub const fn host_table() -> HostTableRef {
    const TABLE: &WithMetadata<HostTable> = &WithMetadata::new(HostTable {
        header_get: headers::get,
        header_set: headers::set,
        header_remove: headers::remove,
        header_visit: headers::visit,
        header_clear: headers::clear,
        request_new: request::new,
        request_drop: request::free,
        request_method: request::method,
        request_set_method: request::set_method,
        request_uri: request::uri,
        request_set_uri: request::set_uri,
        request_script_name: request::script_name,
        request_path_info: request::path_info,
        request_set_paths: request::set_paths,
        request_version: request::version,
        request_scheme: request::scheme,
        request_remote: request::remote,
        request_local: request::local,
        request_generation: request::generation,
        request_take_body: request::take_body,
        request_set_body: request::set_body,
        request_on_finish: request::on_finish,
        env_get: request::env_get,
        env_set: request::env_set,
        env_visit: request::env_visit,
        response_new: response::new,
        response_drop: response::free,
        response_status: response::status,
        response_set_status: response::set_status,
        response_take_body: response::take_body,
        response_set_body: response::set_body,
        body_full: body::full,
        error_new: failure::new,
        error_read: failure::read,
        error_drop: failure::free,
        next_run: node::next_run,
        thread_state: threads::thread_state,
        log: services::log,
        log_level: services::log_level,
        sleep: services::sleep,
        context_handler: context::handler,
        context_environment: context::environment,
        context_directory: context::directory,
        context_panicked: context::panicked,
        task_spawn: context::spawn,
        task_abort: context::task_abort,
        task_drop: context::task_drop,
        request_fork: request::fork,
        store_open: store::open,
        store_close: store::close,
        store_call: store::call,
        can_detach: detached::can_detach,
        next_detach: detached::next_detach,
        error_headers: failure::headers,
        request_value: value::value,
        request_set_value: value::set_value,
        context_is_trial: context::is_trial,
        context_retiring: context::retiring,
        request_draining: request::draining,
        counter_open: counters::open,
        fetch: fetch::fetch,
        log_interest: services::log_interest,
        log_wants: services::log_wants,
        more: extension(),
    });
    HostTableRef(TABLE.static_as_prefix())
}

const fn extension() -> HostExtensionRef {
    const TABLE: &WithMetadata<HostExtension> = &WithMetadata::new(HostExtension {
        guest_open: guest::open,
        guest_close: guest::close,
        guest_fetch: guest::fetch,
        request_protocols: offer::protocols,
        request_upgrade: offer::upgrade,
        response_accept: response::accept,
        response_accepted: response::accepted,
        request_informer: request::informer,
        informer_drop: informer::free,
        inform: informer::inform,
        request_forward_offer: offer::forward,
        request_offer: offer::offer,
        next_can_detach: detached::next_can_detach,
        body_with_file: body::with_file,
        request_client_certificate: certificate::part,
        metrics_text: services::metrics_text,
        gauge_open: gauges::open,
        histogram_open: histograms::open,
    });
    HostExtensionRef(TABLE.static_as_prefix())
}
