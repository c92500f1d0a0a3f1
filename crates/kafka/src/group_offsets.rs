//! Where consumer groups stand: three admin calls that rdkafka does not wrap.
//!
//! The only file with `unsafe`. rdkafka has no ListConsumerGroups, ListConsumerGroupOffsets and
//! DescribeConsumerGroups; a consumer of its own for each group would cost a connection and a
//! thread for each. Every call follows one pattern ([`ask`]): options and a queue of our own,
//! one request, one answering event, and everything that the event lends is copied before it is
//! destroyed. No pointer leaves this file.
//!
//! Ownership, by librdkafka's header (`rdkafka.h`): `*_new` gives what its `*_destroy` takes
//! back; an event polled from a queue belongs to who polled it; every string, array and object
//! reached from an event lives as long as the event and is never freed by itself.

#![expect(
    unsafe_code,
    reason = "the one reviewed file: rdkafka-sys has these admin calls, rdkafka does not"
)]

use std::ffi::{CStr, CString, c_char};
use std::ptr::{self, NonNull};
use std::slice;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka_sys as sys;

use crate::client::Voice;
use crate::error::KafkaError;

/// A partition and the group's committed offset there, `None` where it never committed.
pub(crate) type Committed = (String, i32, Option<i64>);

/// A group's id and the partitions that its members are assigned.
pub(crate) type Assigned = (String, Vec<(String, i32)>);

/// Lists the ids of all consumer groups.
pub(crate) fn list_groups(
    client: &BaseConsumer<Voice>,
    timeout: Duration,
) -> Result<Vec<String>, KafkaError> {
    const WHAT: &str = "list consumer groups";
    let call = Call {
        what: WHAT,
        operation: sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS,
        timeout,
    };
    // SAFETY: client, options and queue are alive during the call, which copies the options.
    let event = ask(client, call, |rk, options, queue| unsafe {
        sys::rd_kafka_ListConsumerGroups(rk, options, queue)
    })?;
    // SAFETY: the event is alive; a null result (another event type) is handled.
    let result = unsafe { sys::rd_kafka_event_ListConsumerGroups_result(event.0.as_ptr()) };
    if result.is_null() {
        return Err(unexpected(WHAT));
    }
    let mut count = 0;
    // SAFETY: result is valid; the array has `count` elements and lives as long as the event.
    let errors =
        unsafe { array(sys::rd_kafka_ListConsumerGroups_result_errors(result, &mut count), count) };
    // A broker without an answer may hide groups: then the list is not a list of all.
    if let Some(error) = errors.first() {
        // SAFETY: an element of the array above.
        unsafe { check(*error, WHAT) }?;
    }
    let mut count = 0;
    // SAFETY: as above.
    let groups =
        unsafe { array(sys::rd_kafka_ListConsumerGroups_result_valid(result, &mut count), count) };
    // SAFETY: each element is valid; its id is a C string that lives as long as the event.
    Ok(groups
        .iter()
        .map(|group| unsafe { text(sys::rd_kafka_ConsumerGroupListing_group_id(*group)) })
        .collect())
}

/// Reads every offset that a group committed.
pub(crate) fn committed(
    client: &BaseConsumer<Voice>,
    group: &str,
    timeout: Duration,
) -> Result<Vec<Committed>, KafkaError> {
    const WHAT: &str = "read the offsets of a consumer group";
    let call = Call {
        what: WHAT,
        operation: sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS,
        timeout,
    };
    let id = CString::new(group).map_err(|_| unexpected(WHAT))?;
    let event = ask(client, call, |rk, options, queue| {
        // SAFETY: the id is copied; no partitions means all. The request object is ours: the call
        // copies it, and it is destroyed right after.
        unsafe {
            let mut request = sys::rd_kafka_ListConsumerGroupOffsets_new(id.as_ptr(), ptr::null());
            sys::rd_kafka_ListConsumerGroupOffsets(rk, &mut request, 1, options, queue);
            sys::rd_kafka_ListConsumerGroupOffsets_destroy(request);
        }
    })?;
    // SAFETY: the event is alive; a null result (another event type) is handled.
    let result = unsafe { sys::rd_kafka_event_ListConsumerGroupOffsets_result(event.0.as_ptr()) };
    if result.is_null() {
        return Err(unexpected(WHAT));
    }
    let mut count = 0;
    // SAFETY: result is valid; the array has `count` elements and lives as long as the event.
    let groups = unsafe {
        array(sys::rd_kafka_ListConsumerGroupOffsets_result_groups(result, &mut count), count)
    };
    let mut offsets = Vec::new();
    for group in groups {
        // SAFETY: an element of the array; the error may be null, which `check` takes for success.
        unsafe { check(sys::rd_kafka_group_result_error(*group), WHAT) }?;
        // SAFETY: as above; the list may be null, and lives as long as the event.
        for element in unsafe { elements(sys::rd_kafka_group_result_partitions(*group)) } {
            if element.err != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                return Err(KafkaError::Request { what: WHAT, why: code(element.err) });
            }
            // SAFETY: a list element's topic is a C string that lives as long as the list.
            let topic = unsafe { text(element.topic) };
            offsets.push((
                topic,
                element.partition,
                (element.offset >= 0).then_some(element.offset),
            ));
        }
    }
    Ok(offsets)
}

/// Lists the partitions that the members of each group are assigned, in the order of the groups;
/// a group that could not be described has none.
pub(crate) fn assigned(
    client: &BaseConsumer<Voice>,
    groups: &[String],
    timeout: Duration,
) -> Result<Vec<Assigned>, KafkaError> {
    const WHAT: &str = "describe consumer groups";
    if groups.is_empty() {
        return Ok(Vec::new());
    }
    let call = Call {
        what: WHAT,
        operation: sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS,
        timeout,
    };
    let ids: Vec<CString> = groups
        .iter()
        .map(|group| CString::new(group.as_str()))
        .collect::<Result<_, _>>()
        .map_err(|_| unexpected(WHAT))?;
    let mut pointers: Vec<*const c_char> = ids.iter().map(|id| id.as_ptr()).collect();
    let event = ask(client, call, |rk, options, queue| {
        // SAFETY: the array and the ids are alive during the call, which copies them.
        unsafe {
            sys::rd_kafka_DescribeConsumerGroups(
                rk,
                pointers.as_mut_ptr(),
                pointers.len(),
                options,
                queue,
            )
        }
    })?;
    // SAFETY: the event is alive; a null result (another event type) is handled.
    let result = unsafe { sys::rd_kafka_event_DescribeConsumerGroups_result(event.0.as_ptr()) };
    if result.is_null() {
        return Err(unexpected(WHAT));
    }
    let mut count = 0;
    // SAFETY: result is valid; the array has `count` elements and lives as long as the event.
    let described = unsafe {
        array(sys::rd_kafka_DescribeConsumerGroups_result_groups(result, &mut count), count)
    };
    let mut all = Vec::with_capacity(described.len());
    for group in described {
        // SAFETY: `group` is an element of the array; members, assignments and their lists are
        // reached from it and live as long as the event; an assignment may be null.
        unsafe {
            let mut partitions = Vec::new();
            for at in 0..sys::rd_kafka_ConsumerGroupDescription_member_count(*group) {
                let member = sys::rd_kafka_ConsumerGroupDescription_member(*group, at);
                if member.is_null() {
                    continue;
                }
                let assignment = sys::rd_kafka_MemberDescription_assignment(member);
                if assignment.is_null() {
                    continue;
                }
                let list = elements(sys::rd_kafka_MemberAssignment_partitions(assignment));
                partitions
                    .extend(list.iter().map(|element| (text(element.topic), element.partition)));
            }
            all.push((text(sys::rd_kafka_ConsumerGroupDescription_group_id(*group)), partitions));
        }
    }
    Ok(all)
}

struct Call {
    what: &'static str,
    operation: sys::rd_kafka_admin_op_t,
    timeout: Duration,
}

/// An answer that is ours until it is dropped.
struct Event(NonNull<sys::rd_kafka_event_t>);

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: the event was polled by us and is destroyed once.
        unsafe { sys::rd_kafka_event_destroy(self.0.as_ptr()) }
    }
}

/// A queue that is ours until it is dropped; an answer that comes later is destroyed with it.
struct Queue(NonNull<sys::rd_kafka_queue_t>);

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: the queue was made by us and is destroyed once; requests hold references of
        // their own.
        unsafe { sys::rd_kafka_queue_destroy(self.0.as_ptr()) }
    }
}

struct Options(NonNull<sys::rd_kafka_AdminOptions_t>);

impl Drop for Options {
    fn drop(&mut self) {
        // SAFETY: the options were made by us and are destroyed once; requests copy them.
        unsafe { sys::rd_kafka_AdminOptions_destroy(self.0.as_ptr()) }
    }
}

/// Sends one request and waits for its answer.
fn ask(
    client: &BaseConsumer<Voice>,
    call: Call,
    send: impl FnOnce(
        *mut sys::rd_kafka_t,
        *const sys::rd_kafka_AdminOptions_t,
        *mut sys::rd_kafka_queue_t,
    ),
) -> Result<Event, KafkaError> {
    // Borrowed: the client outlives this call.
    let rk = client.client().native_ptr();
    // SAFETY: `rk` is a live client; the results are checked for null and owned by the wrappers.
    let queue = Queue(
        NonNull::new(unsafe { sys::rd_kafka_queue_new(rk) })
            .ok_or_else(|| unexpected(call.what))?,
    );
    // SAFETY: as above.
    let options = unsafe { sys::rd_kafka_AdminOptions_new(rk, call.operation) };
    let options = Options(NonNull::new(options).ok_or_else(|| unexpected(call.what))?);
    let millis = i32::try_from(call.timeout.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the options are alive; a null buffer of size 0 asks for no error text.
    let set = unsafe {
        sys::rd_kafka_AdminOptions_set_request_timeout(
            options.0.as_ptr(),
            millis,
            ptr::null_mut(),
            0,
        )
    };
    if set != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
        return Err(KafkaError::Request { what: call.what, why: code(set) });
    }
    send(rk, options.0.as_ptr(), queue.0.as_ptr());
    // The request itself ends at its timeout with an answer that says so; a second more is for
    // the way through the library's threads.
    let deadline = Instant::now() + call.timeout + Duration::from_secs(1);
    let left = i32::try_from(deadline.saturating_duration_since(Instant::now()).as_millis())
        .unwrap_or(i32::MAX);
    // SAFETY: the queue is alive; the event, if any, becomes ours.
    let event =
        NonNull::new(unsafe { sys::rd_kafka_queue_poll(queue.0.as_ptr(), left) }).map(Event);
    let event = event.ok_or_else(|| KafkaError::Request {
        what: call.what,
        why: "no answer in time".to_owned(),
    })?;
    // SAFETY: the event is alive.
    let error = unsafe { sys::rd_kafka_event_error(event.0.as_ptr()) };
    if error == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
        Ok(event)
    } else {
        Err(KafkaError::Request { what: call.what, why: code(error) })
    }
}

/// Borrows an array that an event lends. SAFETY: `first` is null or points to `count` elements
/// that stay valid for `'a`.
unsafe fn array<'a, T>(first: *mut T, count: usize) -> &'a [T] {
    if first.is_null() || count == 0 {
        return &[];
    }
    // SAFETY: by the caller's promise.
    unsafe { slice::from_raw_parts(first, count) }
}

/// Borrows the elements of a partition list. SAFETY: `list` is null or valid for `'a`.
unsafe fn elements<'a>(
    list: *const sys::rd_kafka_topic_partition_list_t,
) -> &'a [sys::rd_kafka_topic_partition_t] {
    if list.is_null() {
        return &[];
    }
    // SAFETY: by the caller's promise; `cnt` is the number of elements and never negative.
    unsafe { array((*list).elems, usize::try_from((*list).cnt).unwrap_or(0)) }
}

/// Copies a C string. SAFETY: `string` is null or a valid C string.
unsafe fn text(string: *const c_char) -> String {
    if string.is_null() {
        return String::new();
    }
    // SAFETY: by the caller's promise.
    unsafe { CStr::from_ptr(string) }.to_string_lossy().into_owned()
}

/// Turns an error object into a result. SAFETY: `error` is null (success) or valid.
unsafe fn check(error: *const sys::rd_kafka_error_t, what: &'static str) -> Result<(), KafkaError> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: by the caller's promise.
    match unsafe { sys::rd_kafka_error_code(error) } {
        sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(()),
        failure => Err(KafkaError::Request { what, why: code(failure) }),
    }
}

fn code(error: sys::rd_kafka_resp_err_t) -> String {
    rdkafka::types::RDKafkaErrorCode::from(error).to_string()
}

fn unexpected(what: &'static str) -> KafkaError {
    KafkaError::Request { what, why: "an answer of an unexpected form".to_owned() }
}
