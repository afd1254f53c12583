import assert from 'node:assert/strict';
import test from 'node:test';
import { filledIn, findGlasses, withoutGlasses } from '../page/glasses.js';
import { SIDE, assertClose, glassesHidden, golden, sampledPlane, sharpFace } from './inputs.js';

test('rims are found and filled as in the core', () => {
  const { rims, isCovered } = findGlasses(glassesHidden());
  assert.ok(rims !== null && !isCovered);
  assertClose(sampledPlane(rims), golden.rims, 0);
  const filled = filledIn(sharpFace(), rims);
  const levels = [];
  for (let y = 80; y < 130; y += 3)
    for (let x = 40; x < 190; x += 4) levels.push(...filled.data.subarray(4 * (y * SIDE + x), 4 * (y * SIDE + x) + 3));
  assertClose(levels, golden.filled_rims, 1);
});

test('what does not reach from eye to eye is left as it is', () => {
  const face = sharpFace();
  assert.deepEqual(withoutGlasses(face, glassesHidden({ bridge: false })), { crop: face, said: '' });
});

test('a covered eye is said and nothing is filled', () => {
  const face = sharpFace();
  assert.deepEqual(withoutGlasses(face, glassesHidden({ lens: true })), { crop: face, said: 'covered' });
  assert.equal(withoutGlasses(face, glassesHidden()).said, 'left out');
});
