import assert from 'node:assert/strict';
import test from 'node:test';
import { otherCamera } from '../page/camera.js';
import { markClip } from '../page/clip_mark.js';

const TEXT = { tags: { comment: '换脸', model: '{model}' }, packet: '<x model="{model}"/>' };
const EBML = element('1a45dfa3', bytes('4282847765626d'));
const SCALE = element('2ad7b1', bytes('0f4240')); // a unit is a millisecond
const CLUSTER = bytes('1f43b675ffa3050102030405');

/** @param {string} hex */
function bytes(hex) {
  return Buffer.from(hex, 'hex');
}

/** @param {string} id @param {Uint8Array[]} parts */
function element(id, ...parts) {
  const body = Buffer.concat(parts);
  return Buffer.concat([bytes(id), Buffer.from([0x80 + body.length]), body]);
}

/** @param {Uint8Array[]} parts @param {string} [type] */
async function marked(parts, type = 'video/webm') {
  const clip = await markClip(
    new Blob(
      parts.map((part) => new Uint8Array(part)),
      { type },
    ),
    TEXT,
    'student',
    1.5,
  );
  assert.equal(clip.type, type);
  return Buffer.from(await clip.arrayBuffer());
}

test('a WebM gets tags before its first picture and its length; pictures stay as they are', async () => {
  const tracks = element('1654ae6b', bytes('ae00'));
  const segment = bytes('18538067ff');
  const seeks = element('114d9b74', bytes('01'));
  const info = element('1549a966', SCALE, element('4489', bytes('00000000')));
  const file = await marked([EBML, segment, seeks, element('ec', bytes('0000')), info, tracks, CLUSTER]);
  assert.ok(file.subarray(0, EBML.length).equals(EBML));
  assert.ok(file.subarray(-CLUSTER.length).equals(CLUSTER));
  assert.equal(file.indexOf(seeks), -1); // it told where things were before
  assert.ok(file.indexOf(tracks) > 0);
  const length = Buffer.alloc(8);
  length.writeDoubleBE(1500);
  assert.ok(file.indexOf(length) > 0);
  assert.equal(file.indexOf(bytes('448984')), -1); // what it said before
  for (const said of ['COMMENT', '换脸', 'MODEL', 'student', 'XMP', '<x model="student"/>']) {
    const at = file.indexOf(said);
    assert.ok(at > 0 && at < file.length - CLUSTER.length, said);
  }
});

test('an MP4 gets the packet as a box of its own at the end', async () => {
  const box = bytes('000000106674797069736f6d00000000');
  const file = await marked([box], 'video/mp4');
  assert.ok(file.subarray(0, box.length).equals(box));
  const added = file.subarray(box.length);
  assert.equal(added.readUInt32BE(0), added.length);
  assert.equal(added.toString('latin1', 4, 8), 'uuid');
  assert.equal(added.toString('utf8', 24), '<x model="student"/>');
});

test('a clip without a picture, or a damaged one, is not taken for one', async () => {
  await assert.rejects(marked([EBML, bytes('18538067ff')]), /no picture/);
  await assert.rejects(marked([EBML, bytes('00ff')]), /damaged/);
});

test('the other camera is the other side of a phone, or else the next in the list', () => {
  const camera = (/** @type {string} */ deviceId) => /** @type {const} */ ({ kind: 'videoinput', deviceId });
  const microphone = /** @type {const} */ ({ kind: 'audioinput', deviceId: 'm' });
  const [a, b] = [camera('a'), camera('b')];
  assert.equal(otherCamera({ facingMode: 'user', deviceId: 'a' }, [microphone, a]), null);
  assert.deepEqual(otherCamera({ facingMode: 'user', deviceId: 'a' }, [a, b]), { facingMode: 'environment' });
  assert.deepEqual(otherCamera({ facingMode: 'environment', deviceId: 'b' }, [a, b]), { facingMode: 'user' });
  assert.deepEqual(otherCamera({ deviceId: 'a' }, [a, microphone, b]), { deviceId: { exact: 'b' } });
  assert.deepEqual(otherCamera({ deviceId: 'b' }, [a, microphone, b]), { deviceId: { exact: 'a' } });
});
