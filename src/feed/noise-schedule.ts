/**
 * How much of an image a diffusion model sees at a time from 0 to 1: the cosine schedule of Nichol and Dhariwal (2021) in
 * the form of Keras' example. The angle grows evenly from acos(0.95) to acos(0.02); its cosine is the share of the image,
 * its sine that of the noise.
 */

/** Shares of the image at time 0 and at time 1. */
export const signalRates: { readonly most: number; readonly least: number } = {
  most: 0.95,
  least: 0.02,
};

/** Angles at time 0 and at time 1, radians. */
export const angles: { readonly start: number; readonly end: number } = {
  start: Math.acos(signalRates.most),
  end: Math.acos(signalRates.least),
};

/** Shares of image and noise at a time; their squares add up to 1. */
export function ratesAt(time: number): { readonly signal: number; readonly noise: number } {
  const angle = angles.start + time * (angles.end - angles.start);
  return { signal: Math.cos(angle), noise: Math.sin(angle) };
}
