//! The calls that the service of a layer makes to the layers below.
//!
//! tower's futures are `'static` and may move anywhere: to a task, or to a worker's queue. `next` belongs to one request, whose
//! frame the host polls on its own threads. So a call only leaves its request here. The frame sends it down, polls it, and brings
//! the response back; with the frame end its calls.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::BoxError;
use crate::{Body, Error, Next, Request, Response, Result, Running};

type Answer = Result<http::Response<Body>, BoxError>;

/// The calls of one request. It is in the extensions of the request that the layer gets.
#[derive(Clone, Default)]
pub(super) struct Calls(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Each stays at its index.
    calls: Vec<Call>,
    /// The frame, while it waits.
    frame: Option<Waker>,
    has_ended: bool,
}

struct Call {
    progress: Progress,
    /// Wakes the task that polls its future.
    waker: Option<Waker>,
}

enum Progress {
    Made(http::Request<Body>),
    Running,
    Answered(Answer),
    /// Its future has the answer, or was dropped.
    Over,
}

impl Calls {
    fn state(&self) -> MutexGuard<'_, State> {
        // No author's code runs under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The frame: polls the layer's service, and the calls that it makes, until the service has answered.
    pub(super) async fn serve(
        &self,
        service: impl Future<Output = Result> + Send,
        next: Next<'_>,
    ) -> Result {
        let _ends = Ends(self);
        let mut service = pin!(service);
        let mut running: Vec<(usize, Running<'_>)> = Vec::new();
        poll_fn(|cx| {
            // It is awake: what happens from here on need not wake it.
            self.state().frame = None;
            loop {
                if let Poll::Ready(answer) = service.as_mut().poll(cx) {
                    return Poll::Ready(answer);
                }
                for (index, request) in self.take_made() {
                    running.push((index, next.again().run(Request::from_http(request))));
                }
                let mut has_answered = false;
                running.retain_mut(|(index, call)| {
                    if self.is_over(*index) {
                        return false;
                    }
                    let Poll::Ready(answer) = Pin::new(call).poll(cx) else {
                        return true;
                    };
                    self.answer(*index, answer, cx.waker());
                    has_answered = true;
                    false
                });
                if !has_answered && self.may_wait(cx.waker(), &running) {
                    return Poll::Pending;
                }
            }
        })
        .await
    }

    /// The calls that the frame does not have yet.
    fn take_made(&self) -> Vec<(usize, http::Request<Body>)> {
        let mut state = self.state();
        let mut made = Vec::new();
        for (index, call) in state.calls.iter_mut().enumerate() {
            if let Progress::Made(_) = call.progress
                && let Progress::Made(request) =
                    std::mem::replace(&mut call.progress, Progress::Running)
            {
                made.push((index, request));
            }
        }
        made
    }

    fn is_over(&self, index: usize) -> bool {
        let state = self.state();
        let call = state.calls.get(index);
        call.is_none_or(|call| matches!(call.progress, Progress::Over))
    }

    /// Brings an answer to its future.
    fn answer(&self, index: usize, answer: Result, frame: &Waker) {
        let answer = answer.map(Response::into_http);
        let answer = answer.map_err(|error| -> BoxError { Box::new(error.into_std()) });
        let mut state = self.state();
        let Some(call) = state.calls.get_mut(index) else {
            return;
        };
        // Its future may be dropped at this moment.
        let unwanted = if let Progress::Running = call.progress {
            call.progress = Progress::Answered(answer);
            None
        } else {
            Some(answer)
        };
        let waker = call.waker.take();
        drop(state);
        drop(unwanted);
        // The frame polls the service next.
        let waker = waker.filter(|waker| !waker.will_wake(frame));
        waker.into_iter().for_each(Waker::wake);
    }

    /// Notes that the frame waits, unless another thread has left it something to do.
    fn may_wait(&self, frame: &Waker, running: &[(usize, Running<'_>)]) -> bool {
        let mut state = self.state();
        let is_new = |call: &Call| matches!(call.progress, Progress::Made(_));
        let is_over = |index: usize| matches!(state.calls[index].progress, Progress::Over);
        if state.calls.iter().any(is_new) || running.iter().any(|(index, _)| is_over(*index)) {
            return false;
        }
        state.frame = Some(frame.clone());
        true
    }
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Calls")
    }
}

/// Ends the calls that are left when the frame ends.
struct Ends<'a>(&'a Calls);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.has_ended = true;
        let calls = std::mem::take(&mut state.calls);
        drop(state);
        for call in calls {
            call.waker.into_iter().for_each(Waker::wake);
        }
    }
}

/// The future of a call to the layers below. Dropping it cancels them.
#[must_use = "a future does nothing unless awaited"]
pub struct BelowCall(Result<(Calls, usize), Option<BoxError>>);

impl BelowCall {
    pub(super) fn new(mut request: http::Request<Body>) -> Self {
        let Some(calls) = request.extensions_mut().remove::<Calls>() else {
            let message = "a layer has made a request of its own, which belongs to no client's request\n\
                           help: it must keep the extensions of the request that it got";
            return Self(Err(Some(message.into())));
        };
        let mut state = calls.state();
        let index = state.calls.len();
        if !state.has_ended {
            state.calls.push(Call {
                progress: Progress::Made(request),
                waker: None,
            });
        }
        let frame = state.frame.take();
        drop(state);
        frame.into_iter().for_each(Waker::wake);
        Self(Ok((calls, index)))
    }
}

impl Future for BelowCall {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        let (calls, index) = match &mut self.0 {
            Ok((calls, index)) => (calls, *index),
            Err(error) => {
                return error
                    .take()
                    .map_or(Poll::Pending, |error| Poll::Ready(Err(error)));
            }
        };
        let mut state = calls.state();
        let Some(call) = state.calls.get_mut(index) else {
            let gone = Error::msg("the request that this call belongs to has ended");
            return Poll::Ready(Err(Box::new(gone.into_std())));
        };
        if let Progress::Answered(_) = call.progress
            && let Progress::Answered(answer) =
                std::mem::replace(&mut call.progress, Progress::Over)
        {
            return Poll::Ready(answer);
        }
        call.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for BelowCall {
    fn drop(&mut self) {
        let Ok((calls, index)) = &self.0 else { return };
        let mut state = calls.state();
        let Some(call) = state.calls.get_mut(*index) else {
            return;
        };
        let before = std::mem::replace(&mut call.progress, Progress::Over);
        // The frame cancels what it polls.
        let cancels = matches!(before, Progress::Running);
        let frame = if cancels { state.frame.take() } else { None };
        drop(state);
        drop(before);
        frame.into_iter().for_each(Waker::wake);
    }
}
