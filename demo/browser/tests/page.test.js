import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import test from 'node:test';
import { FrameRate } from '../page/rate.js';
import { languageOf, sayFrom } from '../page/texts.js';

const folder = new URL('../page/', import.meta.url);
const modules = readdirSync(folder).filter((name) => name.endsWith('.js'));
const ENTRIES = ['main.js', 'worker.js', 'student_worker.js']; // what starts something; they hold nothing else

test('every module can be imported where there is no document', async () => {
  assert.ok(modules.length > 20);
  for (const name of modules.filter((one) => !ENTRIES.includes(one))) await import(new URL(name, folder).href);
});

test('no module keeps state of its own: a visit is an object', () => {
  for (const name of modules) {
    const found = readFileSync(new URL(name, folder), 'utf8').match(/^(export )?(let|var) .*/gm);
    assert.equal(found, null, `${name}: ${found}`);
  }
});

test('the entries only start what other modules hold', () => {
  for (const name of ENTRIES) assert.ok(readFileSync(new URL(name, folder), 'utf8').split('\n').length < 10, name);
});

test('the first language that there are texts for is spoken', () => {
  assert.equal(languageOf(['fr', 'zh-TW', 'en']), 'zh-CN');
  assert.equal(languageOf(['EN-gb']), 'en');
  assert.equal(languageOf([]), 'en');
});

test('a text is filled in; two pages speak their own language', () => {
  const [english, other] = [sayFrom({ hi: 'Hello {name}' }), sayFrom({ hi: '{name}，你好' })];
  assert.equal(english('hi', { name: 'Ada' }), 'Hello Ada');
  assert.equal(other('hi', { name: 'Ada' }), 'Ada，你好');
  assert.equal(english('none'), 'none');
});

test('frames at a steady pace give that rate, and old ones are forgotten', () => {
  const rate = new FrameRate();
  assert.equal(rate.add(0), null);
  for (let n = 1; n < 10; n++) rate.add(100 * n);
  assert.equal(rate.add(1000), 10);
  assert.equal(rate.add(60_000), null);
});
