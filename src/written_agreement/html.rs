//! A document as one HTML file that needs nothing else: no script, no network. It prints well and reads on a phone.

use minijinja::Environment;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use serde::Serialize;

use super::document::Document;

/// The template is compiled in, so that this tells of a fault of the program alone.
#[derive(Debug, thiserror::Error)]
#[error("the page cannot be made: {0:#}")]
pub struct HtmlError(#[from] minijinja::Error);

/// The whole page.
///
/// # Errors
/// Where the template does not fit the document.
pub fn html(document: &Document) -> Result<String, HtmlError> {
    render(include_str!("page.html"), document)
}

/// A page of a template. Every text in it is escaped.
///
/// # Errors
/// Where the template does not fit the page.
pub fn render(template: &str, page: &impl Serialize) -> Result<String, HtmlError> {
    // The name's ending makes texts escaped.
    const NAME: &str = "page.html";
    let mut templates = Environment::new();
    let mut syntax = SyntaxConfig::builder();
    templates.set_syntax(syntax.trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build()?);
    templates.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    templates.add_template(NAME, template)?;
    Ok(templates.get_template(NAME)?.render(Serde(page))?)
}
