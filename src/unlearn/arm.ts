/** How experiments run a method: as competitors with settings and trials, which the method itself declares. */

/** Settings of a method, by name. */
export type Settings = Readonly<Record<string, unknown>>;

/** One competitor: a method with fixed settings, and the trials its tuning may choose from. */
export interface Arm {
  /** Folder name and key in results. */
  readonly name: string;
  readonly method: string;
  readonly settings: Settings;
  /** Settings tried on the tuning seeds at first; as many for every method of a kind. */
  readonly trials: readonly Settings[];
  /** Settings that are tried beyond the edge of the trials where the best lies there; absent: the learning rate. */
  readonly widens?: readonly string[] | undefined;
  readonly rounds: number;
  /** The arm whose tuned settings this one takes over: a variant or control is run as what it varies. */
  readonly tunedAs?: string;
  /** It is compared with every other arm, seed by seed. */
  readonly compared?: boolean;
  /** The comparisons with it are planned before an experiment is run: p values hold for these alone. */
  readonly planned?: boolean;
  /** Figures leave it out, unless it is asked for by its name. */
  readonly hidden?: boolean;
}

/** What a method may know of an experiment when it declares its arms. */
export interface ArmContext {
  /** A size for tests, where everything is as short as can be. */
  readonly tiny: boolean;
  /** Settings of methods that record or follow whole epochs on D_f, and the learning rates to choose from. */
  readonly window: Settings;
  readonly windowRates: readonly number[];
  /** Batch of methods that take single steps, and steps after which they are measured; absent: an epoch. */
  readonly stepBatch: number;
  readonly stepsPerRound?: number | undefined;
  /** At most so many windows, and epochs of the other methods. */
  readonly rounds: { readonly windows: number; readonly epochs: number };
  /** Epochs the network was trained for. */
  readonly trainingEpochs: number;
  /** Runs are compared by cross-entropies, which the temperature of the softmax alone moves. */
  readonly byLoss: boolean;
  /** Folder of the authors' predictors, if it was given. */
  readonly published?: string | undefined;
}

/** What a method may know of the experiment with a network of diffusion: nothing is tuned there. */
export interface DrawingContext {
  /** Settings of methods that follow whole epochs on D_f. */
  readonly window: Settings;
  /** Batch of methods that take single steps. */
  readonly stepBatch: number;
  /** Rounds at most: windows, and measurements of the other methods. */
  readonly rounds: { readonly windows: number; readonly steps: number };
  /** Epochs the network was trained for. */
  readonly trainingEpochs: number;
}

/** Learning rates as trials. */
export function rates(...values: readonly number[]): { learningRate: number }[] {
  return values.map((learningRate) => ({ learningRate }));
}

/**
 * What a method that goes back by what a window on D_f moved the weights chooses from: each learning rate with each step
 * length, so that all such methods choose from as many settings, and both beyond their edges.
 *
 * @param name of the setting that is the step's length.
 * @param lengths a step as long as the method's own measure says, and a longer one.
 */
export function windowTuning(
  { tiny, windowRates }: Pick<ArmContext, "tiny" | "windowRates">,
  name: string,
  lengths: readonly [number, number],
): Required<Pick<Arm, "trials" | "widens">> {
  const tried = tiny ? lengths.slice(0, 1) : lengths;
  const trials = tried.flatMap((length) =>
    windowRates.map((learningRate) => ({ learningRate, [name]: length })),
  );
  return { trials, widens: ["learningRate", name] };
}

/** Rates on a logarithmic grid for stochastic gradient descent. */
export const sgdTrials = rates(1e-3, 3e-3, 1e-2, 3e-2, 1e-1);

/** Settings of a method that takes single steps, measured as often as the experiment wants. */
export function stepSettings({ stepBatch, stepsPerRound }: ArmContext): Settings {
  return { batch: stepBatch, ...(stepsPerRound === undefined ? {} : { stepsPerRound }) };
}

/** The one arm of a method that relabels D_f and takes steps on it. */
export function relabellingArm(
  method: string,
  trials: readonly Settings[] = sgdTrials,
): (context: ArmContext) => readonly Arm[] {
  return (context) => [
    {
      name: method,
      method,
      settings: stepSettings(context),
      trials,
      rounds: context.rounds.epochs,
    },
  ];
}
