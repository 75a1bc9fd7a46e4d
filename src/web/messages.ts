/** What the page and its engine, which runs in a worker, say to each other. */
import type { MapWeights, Predictions, Progress, RoundMoves, Scores } from "../index.ts";
import type { ScenarioSettings } from "../scenarios/index.ts";
import type { GivenFile } from "./files.ts";

/** Images as the page draws them. */
export interface Images {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly count: number;
  /** Bytes, [count, height, width, channels]. */
  readonly pixels: Uint8Array<ArrayBuffer>;
  readonly names: readonly string[];
  /** Classes that the network was trained with, and the true ones, [count]. */
  readonly labels: Uint16Array<ArrayBuffer>;
  readonly truth: Uint16Array<ArrayBuffer>;
}

/** Something that is chosen or shown by its name, and what it says of itself. */
export interface Named {
  readonly name: string;
  readonly text: string;
}

/** How images are read from files. */
export interface ImageSettings {
  /** Images to learn from and to test on, at most. */
  readonly most: number;
  readonly mostTests: number;
  /** Side in pixels that they are resized to; undefined: as they are. */
  readonly side: number | undefined;
  /** One grey channel instead of colours, where the files may have either. */
  readonly grey: boolean;
  /** Share that is held back to test on, where the files have no part for that. */
  readonly heldBack: number;
}

/** A setting, as a form asks for it. */
export interface Field {
  readonly name: string;
  /** What it does; may be empty. */
  readonly text: string;
  readonly control:
    | { readonly kind: "number"; readonly whole: boolean }
    | { readonly kind: "choice" | "choices"; readonly choices: readonly string[] }
    | { readonly kind: "flag" | "text" | "numbers" };
  /** What it is where nothing is given; a text has to be given. */
  readonly usual: string | number | boolean | readonly string[] | undefined;
  readonly least?: number;
  readonly most?: number;
}

/** What is chosen by its name, with its settings. */
export interface Settable extends Named {
  readonly fields: readonly Field[];
}

/** What files hold. */
export type FileKind = "images" | "network" | "predictor";

/** What is said of a network's file that does not say it itself. */
export interface NetworkSaid {
  /** Name of the architecture. */
  readonly model: string | undefined;
  /** How images are prepared, by its name. */
  readonly prepared: string | undefined;
}

/** A predictor from files. */
export interface OpenPredictor {
  /** What a method's setting takes for it. */
  readonly path: string;
  /** What it is called. */
  readonly name: string;
}

/** What is to be wrong with the images: a scenario, its settings, and what decides everything random. */
export type Wrong = ScenarioSettings & { readonly seed: number };

/** How a network learns the images. */
export interface Learning {
  /** Name of the architecture, and settings of it that are not as usual. */
  readonly model: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly epochs: number;
  readonly batch: number;
  readonly learningRate: number;
  readonly seed: number;
}

/** What a network knows of the images it learns. */
export interface Epoch {
  readonly epoch: number;
  /** %. */
  readonly accuracy: number;
  /** Mean cross-entropy, nats. */
  readonly loss: number;
}

/** Images of people's own that must go, found among those that are open. */
export interface Found {
  readonly places: Uint32Array<ArrayBuffer>;
  /** Images that are not among them. */
  readonly others: number;
}

/** A network with the images it was trained on, and what can be done with it. */
export interface Scene {
  readonly adapter: string;
  /** The adapter computes on the processor: everything takes longer. */
  readonly software: boolean;
  readonly network: string;
  readonly weights: number;
  /** What happens to an image before the network sees it, in words. */
  readonly prepared: string;
  readonly classes: readonly string[];
  /** What the images are called: "drawn digits". */
  readonly title: string;
  readonly images: Images;
  /** Images that the network never saw. */
  readonly tests: number;
  /** What is to be said of the files, a sentence each. */
  readonly notes: readonly string[];
  /** Why the network and the images do not go together; undefined where they do. */
  readonly problem: string | undefined;
  /** Places of images to forget, by what was made wrong with them. */
  readonly wrong: Uint32Array<ArrayBuffer>;
  /** Methods of unlearning, the usual one first. */
  readonly methods: readonly Method[];
  /** What can be made wrong with images. */
  readonly scenarios: readonly Settable[];
  /** What was made wrong with them. */
  readonly scenario: string | undefined;
  /** Architectures that can learn them. */
  readonly networks: readonly Settable[];
  /** Names of ways to prepare images, for a network's file that does not say it. */
  readonly prepareds: readonly string[];
  /** What is measured in %, in the order of tables. */
  readonly shares: readonly Share[];
}

/** A method of unlearning. */
interface Method extends Settable {
  /** A part of a round can be kept: it does not begin anew. */
  readonly lands: boolean;
}

/** A metric in %. */
interface Share extends Named {
  /** It is of D_r, and should not fall. */
  readonly ofOthers: boolean;
}

/** What the network says of images. */
export type Answers = Pick<Predictions, "classes" | "confidence">;

/** A round, with what the network says of the images to forget after it; round 0 is before the first. */
export interface Round extends Pick<Progress, "round" | "seconds"> {
  readonly scores: Scores;
  readonly answers: Answers;
  /** Why a reload would lose the run; undefined where it would go on from here. */
  readonly unkept?: string | undefined;
}

/** The run or the training that the browser keeps. */
export type Kept = KeptRunSaid | KeptTrainingSaid;

interface KeptWork {
  /** What no other is called. */
  readonly key: string;
  /** What the images are called that it is of. */
  readonly title: string;
  /** Rounds or epochs that it was to have at most. */
  readonly of: number;
  /** Why it ended; undefined where it did not. */
  readonly ended: string | undefined;
}

export interface KeptRunSaid extends KeptWork {
  readonly kind: "run";
  readonly method: string;
  /** Images to forget. */
  readonly images: number;
  /** Rounds that are done. */
  readonly rounds: number;
}

export interface KeptTrainingSaid extends KeptWork {
  readonly kind: "training";
  /** The architecture. */
  readonly network: string;
  /** Epochs that are kept. */
  readonly epochs: number;
}

/** A training that the browser kept, open again as before its first epoch. */
export interface RestoredTraining {
  readonly scene: Scene;
  readonly learning: Learning;
  readonly epochs: readonly Epoch[];
}

/** A run that the browser kept, open again. */
export interface Restored extends Pick<KeptWork, "ended"> {
  readonly scene: Scene;
  readonly request: Request;
  readonly rounds: readonly Round[];
}

/** What must go, and how. */
export interface Request {
  /** The run's number, by which it is asked for afterwards. */
  readonly run: number;
  /** Places of the images to forget, ascending. */
  readonly forget: Uint32Array<ArrayBuffer>;
  readonly method: string;
  /** Those of the method that are not as usual. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly rounds: number;
  /** Where it stops before: accuracy on D_f, in % of that at the start, 0 to 99. */
  readonly until?: number | undefined;
  /** It ends there: of the round that gets past it, the part that it takes is kept. */
  readonly land?: boolean | undefined;
  readonly seed: number;
}

/** An image with its class activation map over it. */
export interface Picture {
  readonly height: number;
  readonly width: number;
  /** Red, green, blue, opacity, [height, width, 4]. */
  readonly data: Uint8ClampedArray<ArrayBuffer>;
}

/** What the network looks at in images to forget; of many the first ones. */
export interface Maps {
  readonly weights: MapWeights;
  readonly pictures: readonly Picture[];
}

/** The engine as the page calls it. */
export interface Engine {
  /** Opens the network at an address, with the images that it was trained on. @throws where there is no WebGPU. */
  open(address: string): Promise<Scene>;
  /**
   * Opens the images of files, or anew of those that were given last; where that fails or is stopped, what is open stays.
   *
   * @param onProgress called with the share of a part's images that is decoded, 0 to 1.
   */
  openImages(
    settings: ImageSettings,
    onProgress: (share: number) => void,
    files?: readonly GivenFile[],
  ): Promise<Scene>;
  /** What files hold, by their content. @throws for a file of tensors that is damaged. */
  kindOf(files: readonly GivenFile[]): Promise<FileKind>;
  /** Opens a network from files, or anew from those that were given last; where that fails, what is open stays. */
  openNetwork(said: NetworkSaid, files?: readonly GivenFile[]): Promise<Scene>;
  /** Makes something wrong with the images as their files have them; with nothing they are as they were. */
  makeWrong(scenario: Wrong | undefined): Promise<Scene>;
  /**
   * Trains a network on the images, in place of the one that is open; what is stopped leaves that as it is.
   *
   * @param onEpoch called after each epoch, with why a reload would lose it; undefined where it would go on.
   * @param onProgress called with the share of the training that is done, 0 to 1.
   */
  learn(
    learning: Learning,
    onEpoch: (epoch: Epoch, unkept: string | undefined) => void,
    onProgress: (share: number) => void,
  ): Promise<Scene>;
  /** Finds images of files, in whatever folders, among those that are open, by their content; it can be stopped. */
  findImages(files: readonly GivenFile[], onProgress: (share: number) => void): Promise<Found>;
  /** Takes a predictor from files. @throws where they hold none. */
  openPredictor(files: readonly GivenFile[]): Promise<OpenPredictor>;
  /** The network that is open, as a checkpoint. */
  network(): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * Makes the network that was opened forget.
   *
   * @param onRound called before the first round and after each.
   * @param onProgress called with the share of a round that is done, 0 to 1.
   * @returns why it ended, in words.
   */
  forget(
    request: Request,
    onRound: (round: Round) => void,
    onProgress: (share: number) => void,
  ): Promise<string>;
  /** What the browser keeps of the last run or training, here or in a tab that was closed. */
  kept(): Promise<Kept | undefined>;
  /** Opens the run that is kept by a key, as the run of a number; undefined where it is kept no more. */
  restore(key: string, run: number): Promise<Restored | undefined>;
  /** Goes on with the run that was restored, to the bits it would have had; as {@link forget}. */
  goOn(onRound: (round: Round) => void, onProgress: (share: number) => void): Promise<string>;
  /** Opens what a training that is kept by a key began with; undefined where it is kept no more. */
  restoreTraining(key: string): Promise<RestoredTraining | undefined>;
  /** Goes on with the training that was restored, to the bits it would have had; as {@link learn}. */
  learnOn(
    onEpoch: (epoch: Epoch, unkept: string | undefined) => void,
    onProgress: (share: number) => void,
  ): Promise<Scene>;
  /** Keeps nothing of a run or a training any more, by its key. @returns false where another tab works, and it stays. */
  discard(key: string): Promise<boolean>;
  /** Ends the work under way; what the rounds before have done stays. */
  cancel(): void;
  /** Holds the work under way before its next round, until it is called with false. */
  pause(paused: boolean): void;
  /** The network after a round, as a checkpoint. */
  checkpoint(run: number, round: number): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * A page about runs, the same as `rewind report` makes of their folders; it takes measurements.
   *
   * @param onProgress called with the share of the work that is done, 0 to 1.
   */
  report(runs: readonly number[], onProgress: (share: number) => void): Promise<string>;
  /** What the network looked at after a round, in pictures of `side` pixels a side at least. */
  maps(run: number, round: number, side: number): Promise<Maps>;
  /** What a round did to the weights; undefined before the first, and for methods that record nothing. */
  moves(run: number, round: number): Promise<RoundMoves | undefined>;
}
