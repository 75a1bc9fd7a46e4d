/** Methods chosen in code: `methods.rewind({ learningRate: 1e-4 })`. What may be left out has a default. */
import type { Augmentation } from "../../feed/augment.ts";
import type { OptimizerSettings } from "../../optim/index.ts";
import type { MemorySettings } from "../../train/memory.ts";
import type { ShapingSettings } from "../../train/settings.ts";
import type { ParameterKind } from "../../weights/arena.ts";

/** A method and its settings. */
export interface ChosenMethod {
  readonly method: string;
  readonly settings?: object | undefined;
}

/** Settings of the methods that train on images. */
interface TrainingGiven extends MemorySettings {
  learningRate?: number | undefined;
  optimizer?: OptimizerSettings | undefined;
  /** Images a step. */
  batch?: number | undefined;
}

/** Settings of the methods that take single steps. */
export interface StepGiven extends TrainingGiven {
  /** Steps after which scores are measured; absent: an epoch. */
  stepsPerRound?: number | undefined;
  augment?: Augmentation | undefined;
}

/** Settings of every rewind. */
interface WindowGiven extends TrainingGiven {
  /** Epochs before the first snapshot of each round that are not recorded. */
  warmupEpochs?: number | undefined;
  /** Train one more epoch after the last snapshot, as the published scripts do. */
  trailingEpoch?: boolean | undefined;
  /** Forget the optimiser's moments at the start of each round. */
  resetOptimizer?: boolean | undefined;
  augment?: Augmentation | undefined;
  /** How snapshots are stored. */
  trajectory?: "f32" | "f16" | undefined;
  /** Kinds of parameter that are rewound. */
  kinds?: ParameterKind[] | undefined;
  /** Times the predicted change that a round applies. */
  strength?: number | undefined;
  /** Ranked: layers go back the less, the less fine-tuning moved them for their length. */
  layers?: "equal" | "ranked" | undefined;
}

/** Settings of the rewinds by a predictor. */
export interface RewindGiven extends WindowGiven {
  /** A predictor file, a folder of three, or `linear`; absent: the shipped InvWNN. */
  predictor?: string | undefined;
  /** The snapshot a residual is added to; absent: what the predictor was made for. */
  base?: "oldest" | "newest" | undefined;
  /** Snapshots before the oldest that are predicted, where the predictor leaves a choice. */
  aim?: number | undefined;
}

/** Settings of the rewind along straight lines. */
export interface LinearRewindGiven extends WindowGiven {
  /** Epochs before the oldest snapshot that the line is followed to. */
  horizon?: number | undefined;
}

/** Settings of the task vector. */
export interface TaskVectorGiven extends TrainingGiven {
  augment?: Augmentation | undefined;
  /** Epochs of fine-tuning on D_f. */
  epochs?: number | undefined;
  /** How many times as far the other way; a number a kind of parameter, or one for all. */
  lambda?: number | Partial<Record<ParameterKind, number>> | undefined;
  /** Ranked: layers go back the less, the less fine-tuning moved them for their length. */
  layers?: "equal" | "ranked" | undefined;
}

/** Settings of NegMerge. */
export interface NegmergeGiven extends TrainingGiven {
  augment?: Augmentation | undefined;
  /** Epochs of each fine-tuning. */
  epochs?: number | undefined;
  /** One fine-tuning each, at so many times the learning rate. */
  factors?: number[] | undefined;
  /** How many times as far the other way as the mean of the moves that agree. */
  lambda?: number | undefined;
}

/** Settings of random labels. */
export interface RandomLabelGiven extends StepGiven {
  /** Over all classes, or all but the image's own. */
  labels?: "uniform" | "wrong" | undefined;
  redraw?: "epoch" | "once" | undefined;
}

/** Settings of SalUn. */
export interface SalunGiven extends RandomLabelGiven {
  /** Share of the weights that are changed. */
  ratio?: number | undefined;
}

/** Settings of boundary unlearning. */
export interface BoundaryGiven extends StepGiven {
  /** Length of the step across the boundary, in pixels of [0, 1]. */
  epsilon?: number | undefined;
  /** The nearest class may not be the label. */
  excludeLabel?: boolean | undefined;
}

/** Settings of the temperature. */
export interface TemperatureGiven {
  /** What the temperature is multiplied by from round to round. */
  growth?: number | undefined;
}

/** Settings of JiT. */
export interface JitGiven extends StepGiven {
  /** Deviation of the noise, in the values that the network sees. */
  sigma?: number | undefined;
  /** Copies with noise of each image a step. */
  copies?: number | undefined;
}

/** Settings of NegGrad+. */
export interface NegGradPlusGiven extends StepGiven {
  /** Weight of the loss on D_r; the rest is that of the ascent on D_f. */
  alpha?: number | undefined;
}

/** Settings of selective synaptic dampening. */
export interface SsdGiven {
  /** Weights are dampened whose importance for D_f is above so many times that for all data. */
  alpha?: number | undefined;
  /** How far they are dampened: larger is less. */
  lambda?: number | undefined;
  /** What both are divided by from round to round. */
  growth?: number | undefined;
  /** Images of D_f and of D_r that importances are measured on. */
  pictures?: number | undefined;
}

/** Settings of SCRUB. */
export interface ScrubGiven extends TrainingGiven {
  /** Images a step on D_f. */
  forgetBatch?: number | undefined;
  temperature?: number | undefined;
  /** Weight of the distance to the original network on D_r. */
  alpha?: number | undefined;
  /** Weight of the cross-entropy on D_r. */
  gamma?: number | undefined;
  /** Epochs that also go away from the original network on D_f. */
  maxEpochs?: number | undefined;
  /** Epochs after each of which the learning rate falls to a tenth. */
  decayAfter?: number[] | undefined;
}

/** Settings of Fisher forgetting. */
export interface FisherGiven {
  /** Scale of the noise in the first round. */
  alpha?: number | undefined;
  /** Its growth from round to round. */
  growth?: number | undefined;
  /** Largest variance, as a multiple of a weight's own. */
  cap?: number | undefined;
  /** Images the information is measured on. */
  pictures?: number | undefined;
  /** Backward passes an image; absent: one for each class. */
  passes?: number | undefined;
}

/** Settings of retraining. */
export interface RetrainGiven extends TrainingGiven, Omit<ShapingSettings, "schedule"> {
  schedule?: ShapingSettings["schedule"] | undefined;
  epochs?: number | undefined;
  /** Epochs after which scores are measured. */
  epochsPerRound?: number | undefined;
  augment?: Augmentation | undefined;
  /** Pretrained checkpoint that the old network's training started from, too. */
  from?: string | undefined;
}

type Choose<Given> = (settings?: Given) => ChosenMethod & { readonly settings: Given };

/** A function for each method that chooses it with its settings. */
export interface MethodChoosers {
  readonly rewind: Choose<RewindGiven>;
  readonly linearRewind: Choose<LinearRewindGiven>;
  readonly randomRewind: Choose<RewindGiven>;
  readonly taskVector: Choose<TaskVectorGiven>;
  readonly negmerge: Choose<NegmergeGiven>;
  readonly negGrad: Choose<StepGiven>;
  readonly randomLabel: Choose<RandomLabelGiven>;
  readonly boundary: Choose<BoundaryGiven>;
  readonly boundaryExpand: Choose<StepGiven>;
  readonly delete: Choose<StepGiven>;
  readonly jit: Choose<JitGiven>;
  readonly temperature: Choose<TemperatureGiven>;
  readonly salun: Choose<SalunGiven>;
  readonly fineTune: Choose<StepGiven>;
  readonly scrub: Choose<ScrubGiven>;
  readonly negGradPlus: Choose<NegGradPlusGiven>;
  readonly ssd: Choose<SsdGiven>;
  readonly fisher: Choose<FisherGiven>;
  readonly retrain: Choose<RetrainGiven>;
}
