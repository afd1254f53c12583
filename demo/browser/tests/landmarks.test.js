import assert from 'node:assert/strict';
import test from 'node:test';
import { eyeCentres, transformPoints } from '../page/align.js';
import { LANDMARKS_68 } from '../page/constants.js';
import { LandmarkNetwork, cropFromRegion, mirroredPoints, uprightExtent } from '../page/landmarks.js';
import { assertClose, frame, golden, landmarks } from './inputs.js';

test('a mirror image of a mirror image is the face itself', () => {
  assert.deepEqual(mirroredPoints(mirroredPoints(landmarks(), 64), 64), landmarks());
  assert.equal(new Set(LANDMARKS_68.MIRROR_68).size, 68);
});

test('the mirror swaps the eyes', () => {
  const [left, right] = eyeCentres(landmarks());
  const [mirroredLeft, mirroredRight] = eyeCentres(mirroredPoints(landmarks(), 64));
  assertClose(mirroredLeft, [63 - right[0], right[1]], 1e-9);
  assertClose(mirroredRight, [63 - left[0], left[1]], 1e-9);
});

test('a turned face has the extent of the upright one, and the angle it was turned by', () => {
  const { angle, extent } = uprightExtent(landmarks());
  const [cos, sin] = [Math.cos(0.7), Math.sin(0.7)];
  const turned = uprightExtent(transformPoints([cos, -sin, 5, sin, cos, -9], landmarks()));
  assertClose([Math.cos(turned.angle), Math.sin(turned.angle)], [Math.cos(angle + 0.7), Math.sin(angle + 0.7)], 1e-9);
  assertClose(
    [turned.extent[2] - turned.extent[0], turned.extent[3] - turned.extent[1]],
    [extent[2] - extent[0], extent[3] - extent[1]],
    1e-9,
  );
});

test('the middle of a region is the middle of its crop', () => {
  const cropFromFrame = cropFromRegion([120, 90], [80, 100], 0.3, 64);
  assertClose(transformPoints(cropFromFrame, [[120, 90]])[0], [31.5, 31.5], 1e-9);
});

test('regions and extents are those of the core', () => {
  assertClose(cropFromRegion([120, 90], [80, 100], 0.3, 64), golden.crop_from_region, 1e-9);
  assertClose(uprightExtent(landmarks()).extent, golden.upright_extent, 1e-9);
});

test('a network that answers a crop and its mirror image alike leaves no doubt', async () => {
  const places = landmarks().map(([x, y]) => /** @type {[number, number]} */ ([(x - 100) / 1.5, (y - 120) / 1.5]));
  const answers = [places, mirroredPoints(places, 64)];
  const network = new LandmarkNetwork(async () => {
    const points = answers.shift() ?? [];
    return Float32Array.from(points.flat(), (at) => (at + 0.5) / 64);
  });
  const { doubt } = await network.track(frame(), landmarks());
  assert.ok(doubt < 1e-5);
});
