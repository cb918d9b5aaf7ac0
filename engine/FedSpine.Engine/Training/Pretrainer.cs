using System.Diagnostics;
using FedSpine.Engine.Formats;
using FedSpine.Engine.Models;
using FedSpine.Engine.Text;
using FedSpine.Kernels;

namespace FedSpine.Engine.Training;

/// <summary>
/// Trains a small transformer from scratch on plain text and writes a Hugging Face folder: masked language modelling for encoders
/// (Devlin et al., arXiv 1810.04805), next-token prediction for decoders. One text in fifty is held out.
/// </summary>
public static class Pretrainer
{
    private const ulong HeldOutStream = 0x4E1D;
    private const int HeldOutEvery = 50;
    private const int HeldOutBatches = 8;
    private static readonly TimeSpan CheckpointEvery = TimeSpan.FromMinutes(5);

    /// <param name="folder">Made when it does not exist; must hold no model yet unless the run is resumed.</param>
    /// <param name="resume">
    /// Goes on with the checkpoint that a stopped run left in the folder: with the same options and texts it ends with the same bits
    /// as a run that was not stopped. Only <see cref="PretrainOptions.Steps"/> may differ: the rate then falls to 0 by that step.
    /// </param>
    /// <param name="cancel">Stops after the present step; what is trained so far is written, and a checkpoint to resume from.</param>
    /// <exception cref="InputException">Impossible options, too little text, a folder that holds a model, or nothing to resume.</exception>
    public static PretrainResult Run(IComputeBackend backend, PretrainOptions options, IReadOnlyList<string> texts, string folder, bool resume,
        IPretrainProgress progress, CancellationToken cancel)
    {
        long started = Stopwatch.GetTimestamp();
        options.Validate();
        string checkpoint = Path.Combine(folder, PretrainCheckpoint.FolderName);
        bool continued = resume && PretrainCheckpoint.Exists(checkpoint); // stopped before the first checkpoint: from the start
        if (!continued && File.Exists(Path.Combine(folder, "config.json")))
            throw new InputException(resume ? $"--resume {folder}: the run is complete" : $"{folder} already holds a model: give another --out");
        var tokenizer = continued ? TextTokenizer.Load(folder) : PrepareTokenizer(options, texts, folder, progress);
        var (train, heldOut) = Sequences(options, tokenizer, texts);
        progress.Note($"{train.Count} training and {heldOut.Count} held-out sequences, {train.Sum(s => (long)s.Length)} tokens");

        using var model = CreateModel(backend, options, tokenizer);
        progress.Note($"{model.Spec.Summary}, {model.ParameterCount} parameters");
        int maxT = train.Max(s => s.Length);
        using var trainer = new Trainer(model, new TrainingOptions
        {
            LearningRate = (float)options.LearningRate,
            WarmupSteps = Math.Max(1, options.Steps / 20),
            TotalSteps = options.Steps,
        }, options.Batch, maxT);

        var state = new PretrainState(options.Seed);
        if (continued)
        {
            PretrainCheckpoint.Restore(checkpoint, trainer, state);
            progress.Note($"continued after step {state.Step}");
        }

        Train(options, tokenizer, trainer, state, checkpoint, train, heldOut, maxT, progress, cancel);
        double loss = HeldOutLoss(options, tokenizer, trainer, heldOut, maxT);
        ModelFolder.Save(model, folder, options.Type);
        if (state.Step >= options.Steps)
            PretrainCheckpoint.Delete(checkpoint);
        return new PretrainResult(folder, state.Step, model.Spec.VocabularySize, model.ParameterCount, loss, Stopwatch.GetElapsedTime(started).TotalSeconds);
    }

    private static Model CreateModel(IComputeBackend backend, PretrainOptions options, TextTokenizer tokenizer)
    {
        if (options.Model is { } start)
        {
            var loaded = ModelFolder.Load(backend, start, new LoadOptions { Head = options.Objective, Trainable = Trainable.All, Seed = options.Seed });
            tokenizer.CheckFits(loaded.Model.Spec);
            return loaded.Model;
        }

        var spec = options.Spec(tokenizer.VocabularySize, tokenizer.PadId ?? 0, tokenizer.BosId ?? 0, tokenizer.EosId ?? 0);
        tokenizer.CheckFits(spec);
        var model = Model.Create(backend, spec, Trainable.All);
        ModelInitializer.Initialize(model, options.Seed);
        return model;
    }

    /// <summary>The given tokenizer, that of the model to start from, or one trained on the text; its files end up in the folder.</summary>
    private static TextTokenizer PrepareTokenizer(PretrainOptions options, IReadOnlyList<string> texts, string folder, IPretrainProgress progress)
    {
        if ((options.Tokenizer ?? options.Model) is { } given)
        {
            var tokenizer = TextTokenizer.Load(given);
            Directory.CreateDirectory(folder);
            ModelFolder.CopyTokenizerFiles(given, folder);
            return tokenizer;
        }

        var trainer = new BytePairTrainer();
        foreach (string text in texts)
            trainer.Add(text);
        var vocabulary = trainer.Train(options.Vocabulary);
        vocabulary.Save(folder);
        progress.Note($"byte-level BPE tokenizer of {vocabulary.Tokens.Count} entries, trained on the text");
        return TextTokenizer.Load(folder);
    }

    /// <summary>Every text with its special tokens, cut into pieces of the longest length; every fiftieth text is held out.</summary>
    private static (List<int[]> Train, List<int[]> HeldOut) Sequences(PretrainOptions options, TextTokenizer tokenizer, IReadOnlyList<string> texts)
    {
        var (train, heldOut) = (new List<int[]>(), new List<int[]>());
        int[] bos = tokenizer.BosId is int b ? [b] : [], eos = tokenizer.EosId is int e ? [e] : [];
        int room = options.Length - bos.Length - eos.Length;
        for (int i = 0; i < texts.Count; i++)
        {
            int[] ids = tokenizer.Encode(texts[i]);
            for (int start = 0; start < ids.Length; start += room)
            {
                int[] piece = [.. bos, .. ids.AsSpan(start, Math.Min(room, ids.Length - start)), .. eos];
                (i % HeldOutEvery == HeldOutEvery - 1 ? heldOut : train).Add(piece);
            }
        }

        if (train.Count == 0 || heldOut.Count == 0)
            throw new InputException($"{texts.Count} texts are too few to pretrain on: at least {HeldOutEvery} are needed");
        return (train, heldOut);
    }

    private static void Train(PretrainOptions options, TextTokenizer tokenizer, Trainer trainer, PretrainState state, string checkpoint,
        List<int[]> train, List<int[]> heldOut, int maxT, IPretrainProgress progress, CancellationToken cancel)
    {
        var batch = new Batch(options.Batch, maxT);
        var rows = new int[options.Batch][];
        long tokens = 0, started = Stopwatch.GetTimestamp(), saved = started;
        while (state.Step < options.Steps)
        {
            if (cancel.IsCancellationRequested)
            {
                PretrainCheckpoint.Save(checkpoint, trainer, state);
                return;
            }

            for (int b = 0; b < rows.Length; b++)
                rows[b] = train[state.Order.NextInt(train.Count)];
            Fill(options, tokenizer, batch, rows, state.Masks);
            var result = trainer.Step(batch);
            state.Step++;
            if (!result.Applied)
                throw new FedSpineException($"step {state.Step}: the loss is not finite (try a smaller --lr than {options.LearningRate})");
            tokens += batch.TokenCount;
            state.RunningLoss = double.IsNaN(state.RunningLoss) ? result.Loss : 0.98 * state.RunningLoss + 0.02 * result.Loss;
            progress.Step(state.Step, options.Steps, state.RunningLoss, tokens / Stopwatch.GetElapsedTime(started).TotalSeconds);
            if (state.Step % Math.Max(1, options.Steps / 10) == 0)
                progress.HeldOut(state.Step, HeldOutLoss(options, tokenizer, trainer, heldOut, maxT));
            if (Stopwatch.GetElapsedTime(saved) < CheckpointEvery)
                continue;
            PretrainCheckpoint.Save(checkpoint, trainer, state);
            saved = Stopwatch.GetTimestamp();
        }
    }

    /// <summary>Of sequences spread evenly over all that are held out: a file of several kinds of text has them in turn.</summary>
    private static double HeldOutLoss(PretrainOptions options, TextTokenizer tokenizer, Trainer trainer, List<int[]> heldOut, int maxT)
    {
        var masks = new DeterministicRandom(options.Seed, HeldOutStream); // the same masks every time
        var batch = new Batch(options.Batch, maxT);
        int count = Math.Min(heldOut.Count, HeldOutBatches * options.Batch);
        int[][] chosen = [.. Enumerable.Range(0, count).Select(i => heldOut[(int)((long)i * heldOut.Count / count)])];
        var sum = default(EvaluationResult);
        foreach (int[][] rows in chosen.Chunk(options.Batch))
        {
            Fill(options, tokenizer, batch, rows, masks);
            sum += trainer.Evaluate(batch);
        }

        return sum.Loss;
    }

    private static int[] SpecialIds(TextTokenizer tokenizer) => [.. Enumerable.Range(0, tokenizer.VocabularySize).Where(tokenizer.IsSpecial)];

    private static void Fill(PretrainOptions options, TextTokenizer tokenizer, Batch batch, int[][] rows, DeterministicRandom masks)
    {
        int pad = tokenizer.PadId ?? 0;
        if (options.Objective == ModelHead.CausalLm)
            BatchBuilder.CausalLm(batch, rows, pad);
        else
            BatchBuilder.MaskedLm(batch, rows, pad, tokenizer.MaskId!.Value, tokenizer.VocabularySize, SpecialIds(tokenizer), masks);
    }
}
