/**
 * ad_targeting: the advertisements of a catalogue that fit an encrypted profile best.
 * @module
 */
import { envelopeBytes, openEnvelope, sealEnvelope } from '../envelope.ts';
import { ProgramError } from '../errors.ts';
import { openOutput } from '../outputs.ts';
import type { Program } from '../program.ts';
import type { AdCatalogue } from './catalogue.ts';
import { encryptedScores } from './circuit.ts';
import { clearScores } from './clear.ts';
import { decryptScores } from './decode.ts';
import { encryptProfile } from './encode.ts';
import { FEATURES } from './features.ts';
import { PROFILE_BYTES } from './parameters.ts';

const NAME = 'ad_targeting';
const OUTPUT = 'scores';

function open(input: Uint8Array) {
  const envelope = openEnvelope(input, 'input', NAME, 'input');
  if (envelope.values !== FEATURES || envelope.payload.length !== PROFILE_BYTES)
    throw new ProgramError(
      'CIPHERTEXT_INVALID',
      `a profile has ${FEATURES} features in ${PROFILE_BYTES} bytes, not ${envelope.values} in ${envelope.payload.length}`,
      'input',
    );
  return envelope;
}

/** The program on a catalogue: a service may have its own. */
export function adTargeting(catalogue: AdCatalogue): Program {
  return {
    name: NAME,
    title: 'Ad targeting',
    summary: 'Scores every advertisement of a catalogue for a profile that the server cannot read.',
    needsKey: false,
    outputs: [{ key: OUTPUT, file: 'output.ad_targeting.fheencrypted' }],
    responseType: 'stream',
    limits: { values: FEATURES, inputBytes: envelopeBytes(NAME) + PROFILE_BYTES },
    encode(keys, input) {
      const payload = encryptProfile(keys, input);
      return sealEnvelope({ direction: 'input', label: NAME, values: FEATURES, tag: keys.tag(), payload });
    },
    inspect(input) {
      open(input);
      return { values: FEATURES, bootstraps: 0 };
    },
    async run({ kernels, signal }, input) {
      const { tag, payload } = open(input);
      signal?.throwIfAborted();
      const scores = encryptedScores(kernels, catalogue, payload);
      const label = `${NAME}.${OUTPUT}`;
      return {
        [OUTPUT]: sealEnvelope({ direction: 'result', label, values: catalogue.rows, tag, payload: scores }),
      };
    },
    decode(keys, outputs) {
      return decryptScores(keys, catalogue, openOutput(keys, outputs, NAME, OUTPUT).payload);
    },
    clear: (input) => clearScores(catalogue, input),
    sample: () => ({
      profile: {
        gender: 'female',
        age: 35,
        language: 'english',
        country: 'FR',
        interests: ['health', 'nature', 'sports', 'video_games'],
      },
    }),
  };
}
