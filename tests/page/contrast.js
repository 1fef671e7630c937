// Every text that can be seen, against what is behind it (WCAG 2.2, contrast ratio). Returns those that have too little.
const channels = (text) => text.match(/[\d.]+/g).map(Number);
const luminance = ([r, g, b]) => {
  const part = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
};
const ratio = (one, other) => {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
};
const behind = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const colour = channels(getComputedStyle(at).backgroundColor);
    if (colour.length === 3 || colour[3] === 1) return colour;
  }
  return [255, 255, 255];
};
const poor = [];
let looked = 0;
const look = (element, colour, text) => {
  looked += 1;
  const found = ratio(channels(colour), behind(element));
  if (found < 4.5) poor.push(`${found.toFixed(2)} ${element.tagName}.${element.className}: ${text.trim().slice(0, 40)}`);
};
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let node = walker.nextNode(); node; node = walker.nextNode()) {
  const element = node.parentElement;
  if (!node.data.trim() || ['SCRIPT', 'NOSCRIPT', 'STYLE'].includes(element.tagName)) continue;
  look(element, getComputedStyle(element).color, node.data);
}
for (const field of document.querySelectorAll('input,textarea')) {
  look(field, getComputedStyle(field).color, 'typed');
  look(field, getComputedStyle(field, '::placeholder').color, 'placeholder');
}
return { looked, poor };
