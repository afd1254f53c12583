import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { nameOf } from '../page/fetching.js';
import { unxz } from '../page/unxz.js';

const module = await WebAssembly.compile(readFileSync(new URL('../webassembly/unxz.wasm', import.meta.url)));
// Written by Python: `lzma.compress(text, preset=9 | lzma.PRESET_EXTREME)`, `text` being what `spelled` gives, and of 300 zero bytes.
const packed = Buffer.from(
  '/Td6WFoAAATm1rRGAgAhARwAAAAQz1jM4BgeA0VdADMYSJlAvqjHfs1I4DwoDifHaH37wHbYEOZ0HeQHc4/u4XUu8oI+ZySczZOphH4Bz8mjsa' +
    '2iAOvdvtfLHvdJmReF+xNey3DX43joWAZq14bnA9O9wUQFo7cUxCE1ItS9BcQMJFN4jIF2lL9f90ItmEwyLoWQraxwmraBz+fFrLvfnUQ2Rtdk' +
    'bRzxm1Hr47IQz7bwc7K1Wn0DZ4SOt7cpyk59yhqRxp6dOYI4qOcdAZQ1Y0WHIHrrMsbI2tBUwJOVHLrHgl8ynIzMRgRvO1/VWbPKxlYuWam3ab' +
    'pC/zevcCu/eXAuiuhngEeZ2HuFW9B9PoVBT/2xCnqFBcK0HKWJax0KDHmmExPKZrU3IglfIm68GbbWyaKrVXIogF38pLuS1maGZkvUkpQxB1vD' +
    'VvcAfB+Pkyr08nF3MRehpoHTpAAnfcweXK+Znhaxq160Esj/tp5k+RKHgkZ9q7SrjVBb+CgBYSCiZ0r0tXbjmuerrT4BZOymC06vRHYNkpJMTM' +
    'n347LqPhwkzK7Nv8iVkDY/EMofOhBfUXWdeL94vK+5ROxr4h0mkn69Opg2g1rdZI5zAZSbt/BnSIWC5TGifDxT2hKjl/nCs+TSXu1ISSMIBax8' +
    'oogqKtYmx//Yw8Uw4HOh5831UxaTQ5bDAe/yTw6DNtR6GqwWVc0iPEoglUKaq45y6kqihgD9Ez8XCVZ7bO6IH/X5dEBgWO0u47KjTPXbeTyYMW' +
    'cijHNLDpcN3Y5IklUeRj6kyB7cXPg2u9Wi5LkOsi5yEDdPuvDGdc2uOnyeoM6NeYoT9rTDhemNXH/wHytS+3+Otg5MX96Gg0Y5/eA4WNL4Amnx' +
    'WsRAkDqUFbbjq1r7X6IfkD8YeTcXswypFF2p1DyRtXAuo/FM4XtXeYbx4m57BJ8fqesyAHF9QVl4F3UWmmfnroeT6iD3fv7o5+qTFn/0qRLquz' +
    'NFY6pzVhFcZ1kS3H62nh9dKDltdnHeqwUy+HLRiuzsjz6AkPzxYyR2EU5TnUlyApLAh00BbEXd71IZVjD8+HDiQTstonpksQxltcGt2K86sC5+' +
    '+a1hxABQfsO0KQ7VtTsqvyp0/R9X6d3yP/wxps0oB0l+fUvXicaYMWf/fAAAAAClmEQFhuGOzgAB4QafMAAAOP1FULHEZ/sCAAAAAARZWg==',
  'base64',
);
const zeros = Buffer.from(
  '/Td6WFoAAATm1rRGAgAhARwAAAAQz1jM4AErAAhdAABv/ffBDSAAAMGEOjt9YFuUAAEkrAIAAADhKbZAscRn+wIAAAAABFla',
  'base64',
);

/** Text that repeats itself at several distances, with something new in between. */
function spelled() {
  let text = '';
  for (let i = 0; i < 400; i++) text += `face ${(i * i) % 97} of ${i % 7}; ${i % 5 ? '' : 'swapped '}`;
  return text;
}

test('what Python packed is unpacked', () => {
  assert.equal(new TextDecoder().decode(unxz(module, packed) ?? undefined), spelled());
  assert.deepEqual(unxz(module, zeros), new Uint8Array(300));
});

test('a file that is cut or damaged gives nothing, or as many bytes as it promised, and never ends the page', () => {
  const size = spelled().length;
  for (let length = 0; length < packed.length; length += 7)
    assert.equal(unxz(module, packed.subarray(0, length)), null);
  for (let at = 0; at < packed.length; at += 5) {
    const damaged = Uint8Array.from(packed, (byte, i) => (i === at ? byte ^ 0x55 : byte));
    const unpacked = unxz(module, damaged);
    assert.ok(unpacked === null || unpacked.length <= 2 * size, `byte ${at}`);
  }
});

test('a file is called by its own name, however it is packed', () => {
  assert.equal(nameOf('./models/identity.onnx.gz'), 'identity.onnx');
  assert.equal(nameOf('./runtime/ort.wasm.xz'), 'ort.wasm');
});
