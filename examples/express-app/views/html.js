'use strict';

/**
 * Templates without an engine: html`<p>${text}</p>` escapes what is put in, unless it is itself the result of html`…`
 * or marked as HTML with raw(). So text is safe by default, and what is not is visible in the code.
 */
class Html {
  constructor(text) {
    this.text = text;
  }

  toString() {
    return this.text;
  }
}

function html(strings, ...values) {
  return new Html(strings.reduce((text, string, index) => text + render(values[index - 1]) + string));
}

/** For HTML that was made safe elsewhere: what the Markdown renderer returns. */
function raw(text) {
  return new Html(text);
}

function render(value) {
  if (value instanceof Html) {
    return value.text;
  }
  if (Array.isArray(value)) {
    return value.map(render).join('');
  }
  return value === undefined || value === null || value === false ? '' : escapeHtml(String(value));
}

const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

function escapeHtml(text) {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character]);
}

module.exports = { html, raw };
