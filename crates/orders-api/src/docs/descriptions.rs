//! What is said of the service's own documentation.

use utoipa::openapi::schema::{ObjectBuilder, Type};

use crate::docs::File;
use crate::docs::problems::ProblemPageView;
use crate::http::openapi::description::{ABOUT, Answer, Description};
use crate::http::openapi::problems::JSON;
use crate::http::openapi::{parameters, shape};
use crate::http::problem::Code;

pub(crate) fn problem() -> Description {
    let codes: Vec<&str> = Code::all().map(Code::name).collect();
    Description::new(ABOUT, "findProblem", "Read what a type of error means")
        .takes([parameters::path(
            "code",
            "The last part of its `type`",
            shape::one_of_texts(&codes),
        )])
        .answers(Answer::ok("What it means, with an example").json::<ProblemPageView>())
        .refuses(&[JSON, &[Code::NotFound]])
}

pub(crate) fn document() -> Description {
    let openapi = ObjectBuilder::new().schema_type(Type::Object).required("openapi");
    Description::new(ABOUT, "findDocument", "Read this document")
        .answers(Answer::ok("An OpenAPI 3.1 document").content("application/json", openapi.build()))
        .refuses(&[JSON])
}

pub(crate) fn page() -> Description {
    Description::new(ABOUT, "showDocument", "Show this document as an interactive page")
        .answers(Answer::ok("The page").content("text/html", shape::text()))
}

pub(crate) fn console() -> Description {
    Description::new(ABOUT, "showConsole", "Show the console: the calendar, for people")
        .answers(
            Answer::ok("The page, or one that asks to sign in").content("text/html", shape::text()),
        )
        .refuses(&[&[
            Code::Forbidden,
            Code::RateLimited,
            Code::Overloaded,
            Code::DatabaseUnavailable,
        ]])
}

pub(crate) fn file() -> Description {
    let names = File::ALL.map(File::name);
    Description::new(ABOUT, "findDocumentFile", "Load a file of the interactive page")
        .takes([parameters::path("file", "Its name", shape::one_of_texts(&names))])
        .answers(
            Answer::ok("The file")
                .content("text/css", shape::text())
                .content("text/javascript", shape::text()),
        )
        .refuses(&[&[Code::NotFound]])
}
