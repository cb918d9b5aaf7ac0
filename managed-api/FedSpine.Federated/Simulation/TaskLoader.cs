using FedSpine.Engine.Formats;
using FedSpine.Engine.Models;
using FedSpine.Engine.Tasks;
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
    /// <summary>Sentences of the bundled sample: training and test.</summary>
    private const int SampleTrain = 4000, SampleTest = 640;

    /// <summary>A test set that is held out is the same for every seed of a run, so that seeds differ in the training alone.</summary>
    private const ulong HeldOutSeed = 1;

    public static string BundledModel { get; } = Path.Combine(AppContext.BaseDirectory, "Sample", "encoder");

    public static LoadedTask Load(SimulationOptions options, IComputeBackend backend)
    {
        string folder = options.Model ?? BundledModel;
        var tokenizer = ModelSource.LoadTokenizer(folder);
        var records = options.Data is null ? Sample(options.Seed) : TaskRecords.Read(options.Task, options.Data, options.EvalData, Columns(options), HeldOutSeed);
        var model = ModelSource.Load(backend, folder, new LoadOptions
        {
            Head = options.Task == TaskKind.CausalLm ? ModelHead.CausalLm : ModelHead.SequenceClassification,
            Labels = records.Labels,
            Seed = options.Seed,
        }).Model;
        try
        {
            tokenizer.CheckFits(model.Spec);
            return new LoadedTask(model, records.Encode(tokenizer, model.Spec, options.Length, options.Seed), folder);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    private static DataOptions Columns(SimulationOptions options) => new()
    {
        Format = options.DataFormat,
        Encoding = options.Encoding,
        TextColumn = options.TextColumn,
        PairColumn = options.PairColumn,
        LabelColumn = options.LabelColumn,
        DomainColumn = options.DomainColumn,
    };

    private static TaskRecords Sample(ulong seed)
    {
        const string name = "the bundled sample";
        var records = SampleCorpus.Labelled(seed, SampleTrain + SampleTest)
            .Select((s, i) => new DataRecord(s.Text, null, s.Label, s.Domain, i + 1)).ToList();
        return new TaskRecords(TaskKind.Classification, name, records[..SampleTrain], name, records[SampleTrain..]);
    }
}
