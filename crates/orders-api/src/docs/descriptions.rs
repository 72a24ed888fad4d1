//! The documentation of the API reference itself and of the console.

use utoipa::openapi::schema::{ObjectBuilder, Type};

use crate::docs::File;
use crate::docs::problems::ProblemPageView;
use crate::http::openapi::description::{ABOUT, Answer, Description};
use crate::http::openapi::problems::JSON;
use crate::http::openapi::{parameters, shape};
use crate::http::problem::Code;

pub(crate) fn problem() -> Description {
    let codes: Vec<&str> = Code::all().map(Code::name).collect();
    Description::new(ABOUT, "findProblem", "Read the documentation of a problem type")
        .with_parameters([parameters::path(
            "code",
            "The last segment of its `type`",
            shape::one_of_texts(&codes),
        )])
        .returns(Answer::ok("The meaning of the code, with an example").json::<ProblemPageView>())
        .fails_with(&[JSON, &[Code::NotFound]])
}

pub(crate) fn document() -> Description {
    let openapi = ObjectBuilder::new().schema_type(Type::Object).required("openapi");
    Description::new(ABOUT, "findDocument", "Read the OpenAPI document")
        .returns(Answer::ok("An OpenAPI 3.1 document").content("application/json", openapi.build()))
        .fails_with(&[JSON])
}

pub(crate) fn page() -> Description {
    Description::new(ABOUT, "showDocument", "Open the interactive API reference")
        .returns(Answer::ok("The page").content("text/html", shape::text()))
}

pub(crate) fn console() -> Description {
    Description::new(ABOUT, "showConsole", "Open the console")
        .returns(
            Answer::ok("The calendar, or the sign-in form").content("text/html", shape::text()),
        )
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
        .with_parameters([parameters::path(
            "file",
            "The name of the file",
            shape::one_of_texts(&names),
        )])
        .returns(
            Answer::ok("The file")
                .content("text/css", shape::text())
                .content("text/javascript", shape::text()),
        )
        .fails_with(&[&[Code::NotFound]])
}
