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
    private const ulong OrderStream = 0x02DE2, MaskStream = 0x3A5C, HeldOutStream = 0x4E1D;
    private const int HeldOutEvery = 50;
    private const int HeldOutBatches = 8;

    /// <param name="folder">Made when it does not exist; must hold no model yet.</param>
    /// <param name="cancel">Stops after the present step; what is trained so far is written.</param>
    /// <exception cref="InputException">Impossible options, too little text, or a folder that holds a model.</exception>
    public static PretrainResult Run(IComputeBackend backend, PretrainOptions options, IReadOnlyList<string> texts, string folder,
        IPretrainProgress progress, CancellationToken cancel)
    {
        long started = Stopwatch.GetTimestamp();
        options.Validate();
        if (File.Exists(Path.Combine(folder, "config.json")))
            throw new InputException($"{folder} already holds a model: give another --out");
        var tokenizer = PrepareTokenizer(options, texts, folder, progress);
        var (train, heldOut) = Sequences(options, tokenizer, texts);
        progress.Note($"{train.Count} training and {heldOut.Count} held-out sequences, {train.Sum(s => (long)s.Length)} tokens");

        var spec = options.Spec(tokenizer.VocabularySize, tokenizer.PadId ?? 0, tokenizer.BosId ?? 0, tokenizer.EosId ?? 0);
        tokenizer.CheckFits(spec);
        using var model = Model.Create(backend, spec, Trainable.All);
        ModelInitializer.Initialize(model, options.Seed);
        progress.Note($"{spec.Summary}, {model.ParameterCount} parameters");
        int maxT = train.Max(s => s.Length);
        using var trainer = new Trainer(model, new TrainingOptions
        {
            LearningRate = (float)options.LearningRate,
            WarmupSteps = Math.Max(1, options.Steps / 20),
            TotalSteps = options.Steps,
        }, options.Batch, maxT);

        int steps = Train(options, tokenizer, trainer, train, heldOut, maxT, progress, cancel);
        double loss = HeldOutLoss(options, tokenizer, trainer, heldOut, maxT);
        ModelFolder.Save(model, folder, options.Type);
        return new PretrainResult(folder, steps, spec.VocabularySize, model.ParameterCount, loss, Stopwatch.GetElapsedTime(started).TotalSeconds);
    }

    /// <summary>The given tokenizer, or one trained on the text; its files end up in the folder.</summary>
    private static TextTokenizer PrepareTokenizer(PretrainOptions options, IReadOnlyList<string> texts, string folder, IPretrainProgress progress)
    {
        if (options.Tokenizer is { } given)
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

    private static int Train(PretrainOptions options, TextTokenizer tokenizer, Trainer trainer, List<int[]> train, List<int[]> heldOut, int maxT,
        IPretrainProgress progress, CancellationToken cancel)
    {
        var order = new DeterministicRandom(options.Seed, OrderStream);
        var masks = new DeterministicRandom(options.Seed, MaskStream);
        var batch = new Batch(options.Batch, maxT);
        var rows = new int[options.Batch][];
        double running = double.NaN;
        long tokens = 0, started = Stopwatch.GetTimestamp();
        for (int step = 1; step <= options.Steps; step++)
        {
            if (cancel.IsCancellationRequested)
                return step - 1;
            for (int b = 0; b < rows.Length; b++)
                rows[b] = train[order.NextInt(train.Count)];
            Fill(options, tokenizer, batch, rows, masks);
            var result = trainer.Step(batch);
            if (!result.Applied)
                throw new FedSpineException($"step {step}: the loss is not finite (try a smaller --lr than {options.LearningRate})");
            tokens += batch.TokenCount;
            running = double.IsNaN(running) ? result.Loss : 0.98 * running + 0.02 * result.Loss;
            progress.Step(step, options.Steps, running, tokens / Stopwatch.GetElapsedTime(started).TotalSeconds);
            if (step % Math.Max(1, options.Steps / 10) == 0)
                progress.HeldOut(step, HeldOutLoss(options, tokenizer, trainer, heldOut, maxT));
        }

        return options.Steps;
    }

    private static double HeldOutLoss(PretrainOptions options, TextTokenizer tokenizer, Trainer trainer, List<int[]> heldOut, int maxT)
    {
        var masks = new DeterministicRandom(options.Seed, HeldOutStream); // the same masks every time
        var batch = new Batch(options.Batch, maxT);
        var sum = default(EvaluationResult);
        for (int start = 0; start < heldOut.Count && start < HeldOutBatches * options.Batch; start += options.Batch)
        {
            Fill(options, tokenizer, batch, [.. heldOut.Skip(start).Take(options.Batch)], masks);
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
