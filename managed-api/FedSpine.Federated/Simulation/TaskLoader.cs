using FedSpine.Engine;
using FedSpine.Engine.Formats;
using FedSpine.Engine.Models;
using FedSpine.Engine.Text;
using FedSpine.Federated.Sample;
using FedSpine.Kernels;

namespace FedSpine.Federated.Simulation;

/// <summary>A run's base model and tokenized data.</summary>
internal sealed record LoadedTask(Model Model, TaskData Data, string ModelFolder) : IDisposable
{
    public void Dispose() => Model.Dispose();
}

/// <summary>Reads model, tokenizer and data, and checks that they belong together.</summary>
internal static class TaskLoader
{
    private const ulong OrderStream = 0x0DE5;

    /// <summary>Sentences of the bundled sample: training and test.</summary>
    private const int SampleTrain = 4000, SampleTest = 640;

    /// <summary>Without test data, one example in so many is held out.</summary>
    private const int HeldOutEvery = 10;

    public static string BundledModel { get; } = Path.Combine(AppContext.BaseDirectory, "Sample", "encoder");

    public static LoadedTask Load(SimulationOptions options, IComputeBackend backend)
    {
        string folder = options.Model ?? BundledModel;
        var tokenizer = TextTokenizer.Load(folder);
        var (train, test) = options.Data is null ? ReadSample(options.Seed) : ReadFiles(options);
        return options.Task == SimulationTask.CausalLm
            ? LoadLanguage(options, backend, folder, tokenizer, train, test)
            : LoadClassification(options, backend, folder, tokenizer, train, test);
    }

    private static (IReadOnlyList<DataRecord> Train, IReadOnlyList<DataRecord> Test) ReadSample(ulong seed)
    {
        var records = SampleCorpus.Labelled(seed, SampleTrain + SampleTest)
            .Select((s, i) => new DataRecord(s.Text, null, s.Label, s.Domain, i + 1)).ToList();
        return (records[..SampleTrain], records[SampleTrain..]);
    }

    private static (IReadOnlyList<DataRecord> Train, IReadOnlyList<DataRecord> Test) ReadFiles(SimulationOptions options)
    {
        var columns = new DataOptions
        {
            TextColumn = options.TextColumn,
            LabelColumn = options.LabelColumn,
            DomainColumn = options.DomainColumn,
        };
        IReadOnlyList<DataRecord> Read(string path) =>
            options.Task == SimulationTask.Classification ? DataFile.ReadLabelled(path, columns) : DataFile.Read(path, columns);
        var train = Read(options.Data!);
        if (options.EvalData is not null)
            return (train, Read(options.EvalData));
        // Every tenth of a shuffled order, so that a sorted file does not hold out one class.
        int[] order = [.. Enumerable.Range(0, train.Count)];
        new DeterministicRandom(options.Seed, OrderStream, 1).Shuffle<int>(order);
        int held = train.Count / HeldOutEvery;
        if (held == 0)
            throw InputException.InFile(options.Data!, $"{train.Count} rows are too few to hold out a test set: give one with --eval-data");
        var test = order[..held].Order().ToArray();
        return ([.. order[held..].Order().Select(i => train[i])], [.. test.Select(i => train[i])]);
    }

    private static LoadedTask LoadClassification(SimulationOptions options, IComputeBackend backend, string folder, TextTokenizer tokenizer,
        IReadOnlyList<DataRecord> train, IReadOnlyList<DataRecord> test)
    {
        string trainPath = options.Data ?? "the bundled sample", testPath = options.EvalData ?? trainPath;
        var model = ModelFolder.Load(backend, folder, new LoadOptions
        {
            Head = ModelHead.SequenceClassification,
            Labels = LabelMap.Of(trainPath, train).Names,
            Seed = options.Seed,
        }).Model;
        try
        {
            tokenizer.CheckFits(model.Spec);
            // The checkpoint's own order of classes counts where it has the same names.
            var labels = LabelMap.FromNames(model.Spec.Labels);
            string[] domains = [.. train.Select(r => r.Domain).OfType<string>().Distinct().Order(StringComparer.Ordinal)];
            int length = Math.Min(options.Length, model.Spec.MaxLength);
            TaskExample Encode(string path, DataRecord r)
            {
                var encoded = tokenizer.EncodeForModel(model.Spec.Family, r.Text, r.TextPair, length);
                return new TaskExample(encoded.Ids, encoded.Types, labels.IdOf(path, r), r.Domain is null ? -1 : Array.IndexOf(domains, r.Domain));
            }

            var data = new TaskData(SimulationTask.Classification, model.Spec.PadId ?? 0, [.. train.Select(r => Encode(trainPath, r))],
                Shuffled(test.Select(r => Encode(testPath, r)), options.Seed), labels.Names, domains);
            return new LoadedTask(model, data, folder);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    private static LoadedTask LoadLanguage(SimulationOptions options, IComputeBackend backend, string folder, TextTokenizer tokenizer,
        IReadOnlyList<DataRecord> train, IReadOnlyList<DataRecord> test)
    {
        var model = ModelFolder.Load(backend, folder, new LoadOptions { Head = ModelHead.CausalLm, Seed = options.Seed }).Model;
        try
        {
            tokenizer.CheckFits(model.Spec);
            int length = Math.Min(options.Length, model.Spec.MaxLength);
            string[] domains = [.. train.Select(r => r.Domain).OfType<string>().Distinct().Order(StringComparer.Ordinal)];
            // Every document is cut into blocks of the longest length; a rest too short to learn from is dropped.
            IEnumerable<TaskExample> Blocks(DataRecord r)
            {
                int[] ids = tokenizer.Encode(r.Text);
                int room = length - 1, domain = r.Domain is null ? -1 : Array.IndexOf(domains, r.Domain);
                for (int start = 0; start < ids.Length; start += room)
                {
                    int[] piece = ids[start..Math.Min(ids.Length, start + room)];
                    int[] block = tokenizer.BosId is { } bos ? [bos, .. piece] : piece;
                    if (block.Length >= 4)
                        yield return new TaskExample(block, new int[block.Length], -1, domain);
                }
            }

            TaskExample[] trainBlocks = [.. train.SelectMany(Blocks)], testBlocks = [.. test.SelectMany(Blocks)];
            if (trainBlocks.Length == 0 || testBlocks.Length == 0)
                throw InputException.InFile(options.Data!, "too little text to train and test on");
            var data = new TaskData(SimulationTask.CausalLm, model.Spec.PadId ?? 0, trainBlocks, Shuffled(testBlocks, options.Seed), [], domains);
            return new LoadedTask(model, data, folder);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>So that the first examples, which are tested between rounds, stand for all.</summary>
    private static TaskExample[] Shuffled(IEnumerable<TaskExample> examples, ulong seed)
    {
        TaskExample[] array = [.. examples];
        new DeterministicRandom(seed, OrderStream, 2).Shuffle<TaskExample>(array);
        return array;
    }
}
