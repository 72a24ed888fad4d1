//! The documentation of the API reference itself and of the console.

use serde_json::json;
use utoipa::openapi::schema::{ObjectBuilder, Type};

use crate::docs::File;
use crate::docs::problems::{ProblemPageView, sample};
use crate::http::openapi::description::{ABOUT, Answer, Description};
use crate::http::openapi::problems::JSON;
use crate::http::openapi::{parameters, shape};
use crate::http::problem::Code;

/// The start of any page.
const PAGE: &str = "<!doctype html>\n<html lang=\"en\">\n";

pub(crate) fn problem() -> Description {
    let codes: Vec<&str> = Code::all().map(Code::name).collect();
    Description::new(ABOUT, "findProblem", "Read the documentation of a problem type")
        .details(
            "Explains what a problem means, with an example. The `type` of each problem is \
             the path of its page. A browser, or any client that prefers `text/html`, gets \
             a page.",
        )
        .with_parameters([parameters::path(
            "code",
            "The last segment of its `type`",
            shape::one_of_texts(&codes),
        )])
        .returns(with_example(
            Answer::ok("The meaning of the code, with an example").json::<ProblemPageView>(),
        ))
        .fails_with(&[JSON, &[Code::NotFound]])
}

/// Shows the problem that the path of the example names.
fn with_example(page: Answer) -> Answer {
    let code = Code::MalformedJson;
    let example = serde_json::from_str(sample::problem(code).get()).unwrap_or_default();
    page.showing("/type", json!(format!("/problems/{}", code.name())))
        .showing("/title", json!(code.title()))
        .showing("/status", json!(code.status().as_u16()))
        .showing("/meaning", json!(code.meaning()))
        .showing("/example", example)
        .text("text/html", PAGE)
}

pub(crate) fn document() -> Description {
    let openapi = ObjectBuilder::new().schema_type(Type::Object).required("openapi");
    Description::new(ABOUT, "findDocument", "Read the OpenAPI document")
        .details(
            "Returns the description of the whole API, for code generators and other tools.",
        )
        .returns(Answer::ok("An OpenAPI 3.1 document")
                .content("application/json", openapi.build())
                .showing("", json!({"openapi": "3.1.0", "info": {"title": "Orders", "version": "1.0.0"}, "paths": {}})),
        )
        .fails_with(&[JSON])
}

pub(crate) fn page() -> Description {
    Description::new(ABOUT, "showDocument", "Open the interactive API reference")
        .details(
            "Shows the OpenAPI document as a page on which you can send requests. It loads \
             nothing from other hosts.",
        )
        .returns(Answer::ok("The page").text("text/html", PAGE))
}

pub(crate) fn console() -> Description {
    Description::new(ABOUT, "showConsole", "Open the console")
        .details(
            "Shows the calendar of all orders, or the sign-in form to visitors without \
             permission.",
        )
        .returns(Answer::ok("The calendar, or the sign-in form").text("text/html", PAGE))
        .fails_with(&[&[
            Code::Forbidden,
            Code::RateLimited,
            Code::Overloaded,
            Code::DatabaseUnavailable,
        ]])
}

pub(crate) fn file() -> Description {
    let names = File::ALL.map(File::name);
    Description::new(ABOUT, "findDocumentFile", "Load a file of the interactive API reference")
        .details("Returns a style or a script of the page at `/docs`.")
        .with_parameters([parameters::path(
            "file",
            "The name of the file",
            shape::one_of_texts(&names),
        )])
        .returns(
            Answer::ok("The file")
                .text("text/css", "body { margin: 0 }\n")
                .text("text/javascript", "window.onload = () => {};\n"),
        )
        .fails_with(&[&[Code::NotFound]])
}
