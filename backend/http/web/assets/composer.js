// The field to write in, with a file where one is attached.
import { $, sizeOf, toast } from './dom.js';

const maxFile = 10 * 1024 * 1024;
const typingEvery = 3000;
const grows = CSS.supports('field-sizing', 'content'); // else the script makes it as high as its text

// setUpComposer wires the form: send(text, file) when it is sent, typing() now and then while someone writes.
export function setUpComposer(send, typing) {
  const text = $('composer-text');
  const picker = $('file');
  const coarse = matchMedia('(pointer: coarse)');
  let file = null;
  let told = 0;

  const update = () => {
    if (!grows && text.offsetParent) {
      text.style.height = 'auto';
      text.style.height = `${text.scrollHeight}px`;
    }
    $('send').disabled = text.value.trim() === '' && !file;
    $('chip').hidden = !file;
    $('chip-name').textContent = file ? `${file.name} · ${sizeOf(file.size)}` : '';
  };
  const take = (chosen) => {
    if (chosen && chosen.size > maxFile) toast('A file may have 10 MB at most');
    else if (chosen) file = chosen;
    update();
    text.focus();
  };

  text.addEventListener('input', () => {
    update();
    if (text.value.trim() !== '' && Date.now() - told > typingEvery) {
      told = Date.now();
      typing();
    }
  });
  text.addEventListener('keydown', (e) => {
    if (e.key === 'Enter' && !e.shiftKey && !e.isComposing && !coarse.matches) {
      e.preventDefault();
      $('composer').requestSubmit();
    }
  });
  text.addEventListener('paste', (e) => {
    if (e.clipboardData.files.length === 1) {
      e.preventDefault();
      take(e.clipboardData.files[0]);
    }
  });
  $('attach').addEventListener('click', () => picker.click());
  picker.addEventListener('change', () => {
    take(picker.files[0]);
    picker.value = '';
  });
  $('chip-remove').addEventListener('click', () => {
    file = null;
    update();
    text.focus();
  });
  $('composer').addEventListener('submit', (e) => {
    e.preventDefault();
    const value = text.value.trim();
    if (value === '' && !file) return;
    send(value, file);
    text.value = '';
    file = null;
    told = 0;
    update();
    text.focus();
  });

  return {
    reset() {
      text.value = '';
      file = null;
      update();
    },
  };
}
