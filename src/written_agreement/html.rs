//! A document as one HTML file that needs nothing else: no script, no network. It prints well and reads on a phone.

use minijinja::Environment;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;

use super::document::Document;

/// The template is compiled in, so that this tells of a fault of the program alone.
#[derive(Debug, thiserror::Error)]
#[error("the page cannot be made: {0:#}")]
pub struct HtmlError(#[from] minijinja::Error);

/// The whole page. The template's name makes every text in it escaped.
///
/// # Errors
/// Where the template does not fit the document.
pub fn html(document: &Document) -> Result<String, HtmlError> {
    let mut templates = Environment::new();
    let mut syntax = SyntaxConfig::builder();
    templates.set_syntax(syntax.trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build()?);
    templates.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    templates.add_template("page.html", include_str!("page.html"))?;
    Ok(templates.get_template("page.html")?.render(Serde(document))?)
}
