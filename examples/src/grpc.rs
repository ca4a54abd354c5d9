//! A gRPC service of one method, written by hand, so that building the examples needs no protoc. In
//! a `.proto` file:
//!
//! ```proto
//! package deadpeer.example;
//! service Reports { rpc Make (Order) returns (Report); }
//! message Order { uint64 seconds = 1; }
//! message Report { string text = 1; }
//! ```

use std::convert::Infallible;
use std::future::Future;
use std::task::{Context, Poll};

use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service, http};
use tonic::server::{Grpc, NamedService};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;
use tower::service_fn;

/// The one method's path.
pub const MAKE: &str = "/deadpeer.example.Reports/Make";

/// What a client wants.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Order {
    /// How long the work takes.
    #[prost(uint64, tag = "1")]
    pub seconds: u64,
}

/// What it gets.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Report {
    /// The whole of it.
    #[prost(string, tag = "1")]
    pub text: String,
}

/// The service, with a function that makes a report.
#[derive(Debug, Clone)]
pub struct Reports<F>(pub F);

impl<F> NamedService for Reports<F> {
    const NAME: &'static str = "deadpeer.example.Reports";
}

impl<F, T> Service<http::Request<Body>> for Reports<F>
where
    F: Fn(Order) -> T + Clone + Send + 'static,
    T: Future<Output = Result<Report, Status>> + Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let make = self.0.clone();
        Box::pin(async move {
            if request.uri().path() != MAKE {
                return Ok(Status::unimplemented("there is no such method").into_http());
            }
            let method = service_fn(move |order: Request<Order>| {
                let report = make(order.into_inner());
                async { report.await.map(Response::new) }
            });
            let mut grpc = Grpc::new(ProstCodec::<Report, Order>::default());
            Ok(grpc.unary(method, request).await)
        })
    }
}
