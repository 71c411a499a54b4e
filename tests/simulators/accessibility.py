"""What an auditor of accessibility looks at on a page, as a script that runs in the browser and lists what is wrong.

It checks what a program can: names of controls, landmarks, headings in order, language, tables, live regions, references
that lead somewhere, contrast (WCAG 1.4.3: 4.5 to 1, or 3 to 1 for large text), size of targets (WCAG 2.5.8: 24 pixels).
"""

AUDIT = r"""
() => {
  const wrong = [];
  const say = (element, what) => wrong.push(`${what}: ${element.outerHTML.slice(0, 120)}`);
  const all = selector => [...document.querySelectorAll(selector)];
  const shown = element => element.checkVisibility({visibilityProperty: true}) && element.getBoundingClientRect().width > 1;
  const text = element => (element.getAttribute('aria-label') || element.textContent || '').trim();

  if (!document.documentElement.lang) wrong.push('no language');
  if (!document.title.trim()) wrong.push('no title');
  for (const [selector, count] of [['main', 1], ['h1', 1], ['header', 1], ['footer', 1]])
    if (all(selector).length !== count) wrong.push(`${all(selector).length} of ${selector}`);
  let level = 0;
  for (const heading of all('main h1, main h2, main h3, main h4')) {
    const own = Number(heading.tagName[1]);
    if (own > level + 1) say(heading, 'heading skips a level');
    level = own;
  }
  for (const nav of all('nav')) if (!nav.getAttribute('aria-label')) say(nav, 'navigation without name');
  for (const control of all('input:not([type=hidden]), select, textarea'))
    if (!control.labels.length && !control.getAttribute('aria-label')) say(control, 'control without label');
  for (const one of all('a, button, summary, [role=img]')) if (!text(one)) say(one, 'nothing to read out');
  for (const image of all('img')) if (!image.hasAttribute('alt')) say(image, 'picture without alternative');
  for (const table of all('table')) if (!table.querySelector('th[scope=col]')) say(table, 'table without headers');
  for (const one of all('[aria-describedby], [aria-labelledby]'))
    for (const name of ['aria-describedby', 'aria-labelledby'])
      for (const id of (one.getAttribute(name) || '').split(' ').filter(Boolean))
        if (!document.getElementById(id)) say(one, `${name} leads nowhere`);
  const ids = all('[id]').map(one => one.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) wrong.push(`two of id ${id}`);
  if (!all('[aria-live], [role=status]').length) wrong.push('no live region');
  for (const one of all('[tabindex]')) if (Number(one.getAttribute('tabindex')) > 0) say(one, 'order of its own');
  for (const one of all('button, a.button, .menu a, .tabs a, summary'))
    if (shown(one) && one.getBoundingClientRect().height < 24) say(one, 'too small a target');

  const channels = colour => colour.match(/[\d.]+/g).map(Number);
  const light = colour => {
    const [r, g, b] = channels(colour).map(c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = element => {
    for (let one = element; one; one = one.parentElement) {
      const colour = getComputedStyle(one).backgroundColor, parts = channels(colour);
      if (parts.length < 4 || parts[3] > 0) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  for (const element of all('body *')) {
    const own = [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
    if (!own || !shown(element) || element.closest('svg, .unseen, .skip')) continue;
    const style = getComputedStyle(element);
    const [a, b] = [light(style.color), light(behind(element))].sort((x, y) => y - x);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < (large ? 3 : 4.5)) say(element, `contrast ${ratio.toFixed(2)}`);
  }
  return wrong;
}
"""
