/**
 * What an unlearning method is: sessions that advance round by round, so that one driver gives every
 * method the same stop rules, metrics, progress and checkpoints.
 */
import type { z } from "zod";
import { UsageError } from "../errors.ts";
import type { ModelSpec, Tensors } from "../nn/model.ts";
import type { GpuDataset } from "../feed/gpu-dataset.ts";
import type { Totals } from "../feed/step-queue.ts";
import type { TaskModel } from "../train/task-trainer.ts";
import type { Arm, ArmContext, DrawingContext } from "./arm.ts";
import type { Watch } from "../train/replay.ts";
import type { ParameterSpec } from "../weights/arena.ts";

/** Part of the training data. `data` refuses every image that is not one of `items`. */
export interface Subset {
  /** Images with the labels the model was trained on. */
  readonly data: GpuDataset;
  /** Image numbers, ascending. */
  readonly items: Uint32Array;
}

/** What a method is asked to do. It may read only what it is handed. */
export interface UnlearnRequest extends TaskModel {
  /** D_f, the data to forget. */
  readonly forget: Subset;
  /** D_r, the data to keep; absent where nobody has it any more. */
  readonly retain?: Subset | undefined;
  readonly seed: number;
}

/** What a method is to work on, as far as it is known before there is a device. */
export interface Subject {
  readonly spec: ModelSpec;
  /** The network's parameters. */
  readonly slots: readonly ParameterSpec[];
  /** Name of the network's task. */
  readonly task: string;
  /** Values of the images are floats and not bytes. */
  readonly floats: boolean;
}

/** What one round did. */
export interface Round {
  /** 1-based. */
  readonly round: number;
  /** Optimiser steps so far. */
  readonly steps: number;
  /** Training totals of the round's passes. */
  readonly epochs: readonly Totals[];
}

/** Everything a session needs besides the weights to continue to the same bits. */
export interface SessionState {
  readonly round: number;
  /** Optimiser steps of all rounds. */
  readonly steps: number;
  /** Steps since the optimiser was last reset: Adam's bias corrections need it. */
  readonly optimizerStep: number;
  readonly tensors: Tensors;
}

/** The snapshots of a round's fine-tuning, on the device. */
export interface Recording {
  /** What they take in host memory. */
  readonly bytes: number;
  /** Snapshots [K, size] of each recorded parameter, oldest first. */
  read(): Promise<ReadonlyMap<string, Float32Array>>;
  /** What a predictor read beside them: gradients on D_f by parameter, of the loss, towards the runner-up, and the latter weighted
   *  where the predictor weighs images. */
  gradients?(): Promise<readonly ReadonlyMap<string, Float32Array>[]>;
}

/** A method at work on a request. Owns what it allocated; the model and the data stay the caller's. */
export interface UnlearnSession {
  readonly method: string;
  /** Performs the next round on the model's weights. */
  round(watch: Watch): Promise<Round>;
  /** The fine-tuning that the last round recorded, for methods that record one. */
  readonly recording?: Recording;
  save(): Promise<SessionState>;
  load(state: SessionState): void;
  destroy(): void;
  [Symbol.dispose](): void;
}

/** Data a method needs. */
export type Reads = "D_f" | "D_r" | "D_f and D_r";

/** An unlearning method: its settings and how to start it. */
export interface Method<S extends z.ZodType = z.ZodType> {
  readonly name: string;
  /** One line for help and reports. */
  readonly summary: string;
  readonly reads: Reads;
  /** It works on labels or classes: a network of diffusion has none. */
  readonly labels?: boolean;
  /** It gives images of D_f another class than their own: there must be two. */
  readonly relabels?: boolean;
  /** Validates settings and fills in defaults. */
  readonly settings: S;
  /** How experiments run it; absent: they do not. */
  readonly arms?: (context: ArmContext) => readonly Arm[];
  /** How the experiment with a network that draws runs it; absent: it does not. */
  readonly drawingArms?: (context: DrawingContext) => readonly Arm[];
  /** Others are measured against it: experiments run it first, to the end, with the recipe of the training. */
  readonly reference?: boolean;
  /**
   * Refuses what {@link Method.create} could not start on, before anything is measured or made.
   *
   * @throws UsageError saying which setting, network or image it is.
   */
  check?(settings: z.output<S>, subject: Subject): void | Promise<void>;
  /**
   * Starts on a model that holds the original weights; masks, labels and teachers are made from them. A
   * run that is resumed starts the same way, and its weights and state are loaded afterwards.
   *
   * @param watch follows what passes over data it takes before its first round.
   */
  create(request: UnlearnRequest, settings: z.output<S>, watch: Watch): Promise<UnlearnSession>;
}

/** Declares a method; infers the type of its settings. */
export function defineMethod<S extends z.ZodType>(method: Method<S>): Method<S> {
  return method;
}

/** @throws UsageError if there are no images in D_f, or none in D_r for a method that reads it. */
export function requireImages(
  { name, reads }: Pick<Method, "name" | "reads">,
  forget: number,
  retain: number,
): void {
  if (forget === 0) throw new UsageError(`${name}: D_f is empty; there is nothing to forget.`);
  if (reads !== "D_f" && retain === 0) {
    throw new UsageError(
      `${name} needs the data to keep (D_r), and there is none: choose a method that reads D_f ` +
        "alone.",
    );
  }
}

/** @throws UsageError for a method that needs labels, where the network's task has none. */
export function requireTask(
  { name, labels = false }: Pick<Method, "name" | "labels">,
  task: string,
): void {
  if (!labels || task === "classification") return;
  throw new UsageError(
    `${name} works on labels, and a network of ${task} has none: choose a method that does without.`,
  );
}

/** @throws UsageError for a method that gives images another class, where there is none. */
export function requireClasses(
  { name, relabels = false }: Pick<Method, "name" | "relabels">,
  classes: number,
): void {
  if (!relabels || classes > 1) return;
  throw new UsageError(
    `${name} gives the images of D_f another class than their own, and the network has one class: choose a method that ` +
      "does without, or a network of two classes or more.",
  );
}

/**
 * The request as a method may see it: each part of the data is handed only to methods that declare it.
 *
 * @throws UsageError if D_f is empty, or the method needs D_r or another class and there is none.
 */
export function restrict(
  request: UnlearnRequest,
  method: Pick<Method, "name" | "reads" | "labels" | "relabels">,
): UnlearnRequest {
  const { reads } = method;
  requireTask(method, request.task.name);
  requireClasses(method, request.forget.data.classes);
  requireImages(method, request.forget.items.length, request.retain?.items.length ?? 0);
  if (reads === "D_f") return { ...request, retain: undefined };
  if (reads === "D_f and D_r") return request;
  const items = new Uint32Array();
  return { ...request, forget: { data: request.forget.data.only(items, "nothing"), items } };
}

/** D_r of a request that passed {@link restrict} for a method that reads it. */
export function retained(request: UnlearnRequest): Subset {
  if (request.retain === undefined)
    throw new UsageError("this method did not declare that it reads D_r.");
  return request.retain;
}
