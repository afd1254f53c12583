/** What the finish keeps of one face from frame to frame of a camera; its follower makes one and forgets it with the face. */
import { BEARD, BROWS, GAZE, STEADY } from './constants.js';
import { SteadyLids } from './lids.js';
import { SteadyOcclusion } from './occlusion.js';
import { SteadyShares } from './steady.js';
import { CarriedMark } from './watermark.js';

export class FaceMemory {
  /** What hides the face, averaged over time. */
  occlusion = new SteadyOcclusion();
  /** Tones of its eyes. */
  gaze = new SteadyShares(GAZE.TONE_HALF_LIFE_S);
  /** How far its eyes are closed and usually open. */
  lids = new SteadyLids();
  /** How far its mouth shows. */
  mouth = new SteadyShares();
  /** How far its brows are moved, and where they are. */
  brows = new SteadyShares(STEADY.HALF_LIFE_S, BROWS.MIDDLE_OF);
  /** For so many frames more nobody asks whether the camera's picture has one tone only. */
  coloured = 0;
  /** How surely it wears a beard. */
  beard = new SteadyShares(BEARD.BEARD_HALF_LIFE_S);
  /** What was seen of that last. @type {import('./beard.js').Bearded} */
  bearded = [0, 0];
  /** For so many frames more nobody looks at it again. */
  beardFrames = 0;
  /** How green and how violet it may be; null while nothing in it was more. @type {import('./hues.js').HueLimits | null} */
  hues = null;
  /** For so many frames more this holds. */
  huesFrames = 0;
  /** The hidden mark's pattern of the frame before. */
  mark = new CarriedMark();
}
