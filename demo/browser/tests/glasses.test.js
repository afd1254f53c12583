import assert from 'node:assert/strict';
import test from 'node:test';
import { filledIn, findGlasses, withoutGlasses } from '../page/glasses.js';
import { SIDE, assertClose, glassesHidden, golden, sampled, sampledPlane, sharpFace } from './inputs.js';

test('rims are found and filled as in the core', () => {
  const { rims, covered } = findGlasses(glassesHidden());
  assert.ok(rims !== null && covered === null);
  assertClose(sampledPlane(rims), golden.rims, 0);
  const filled = filledIn(sharpFace(), rims);
  const levels = [];
  for (let y = 80; y < 130; y += 3)
    for (let x = 40; x < 190; x += 4) levels.push(...filled.data.subarray(4 * (y * SIDE + x), 4 * (y * SIDE + x) + 3));
  assertClose(levels, golden.filled_rims, 1);
});

test('without a bridge nothing is filled', () => {
  const face = sharpFace();
  assert.deepEqual(withoutGlasses(face, glassesHidden({ bridge: false })), { crop: face, said: '' });
});

test('where an eye is covered the average one stands in, as in the core', () => {
  const [face, hidden] = [sharpFace(), glassesHidden({ lens: true })];
  const { rims, covered } = findGlasses(hidden);
  assert.ok(rims === null && covered !== null);
  assertClose(sampledPlane(covered), golden.covered, 0);
  const { crop, said } = withoutGlasses(face, hidden);
  assert.equal(said, 'covered');
  assertClose(sampled(crop), golden.average_eyes, 1);
  assert.equal(withoutGlasses(face, glassesHidden()).said, 'left out');
});
