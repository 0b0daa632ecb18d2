/**
 * Sentences of a run in a person's language. ComfyUI tells of an error by its text alone, so the
 * template that a text fits is looked for.
 *
 * @param {Record<string, string>} templates English ones, with {0}, {1} … filled in, and ours
 * @returns {(text: string) => string} says a text; one that no template fits stays as it is
 */
export function interpreter(templates) {
  const known = Object.entries(templates).map(
    ([english, said]) => /** @type {const} */ ([pattern(english), said])
  );
  /** @param {string} text */
  const find = (text) => {
    for (const [template, said] of known) {
      const found = template.exec(text);
      if (found) return said.replace(/\{(\d)\}/g, (_, number) => found[Number(number) + 1]);
    }
  };
  return (text) => {
    const whole = find(text.trim());
    if (whole) return whole;
    const parts = text.trim().split(/(?<=\.) (?=[A-Z])/);
    return parts.some(find) ? parts.map((part) => find(part) ?? part).join(' ') : text;
  };
}

/** @param {string} english */
function pattern(english) {
  const plain = english.replace(/[.*+?^$()|[\]\\]/g, '\\$&');
  return new RegExp(`^${plain.replace(/\{\d\}/g, '([\\s\\S]+?)')}$`);
}
