using System.Text.Json.Nodes;
using FedSpine.Engine.Models;
using FedSpine.Engine.Profiling;
using FedSpine.Engine.Training;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;
using FedSpine.Kernels.Profiling;

namespace FedSpine.Engine.Tests.Profiling;

public sealed class ProfilingTests
{
    [Theory]
    [InlineData(ModelFamily.Llama, ModelHead.CausalLm)]
    [InlineData(ModelFamily.Roberta, ModelHead.SequenceClassification)]
    [InlineData(ModelFamily.Bert, ModelHead.MaskedLm)]
    public void A_profiled_step_computes_the_same_and_accounts_for_all_of_its_work(ModelFamily family, ModelHead head)
    {
        var spec = family switch
        {
            ModelFamily.Llama => TinyModels.Llama(head), ModelFamily.Bert => TinyModels.Bert(head), _ => TinyModels.Roberta(head),
        };
        using var host = HostBackend.Create(1);
        using var profiler = new ProfilingBackend(HostBackend.Create(1));
        var plain = Step(host, spec);
        var (result, values) = Step(profiler, spec, profiler);
        Assert.Equal(plain.Values, values);
        Assert.Equal(plain.Result.Loss, result.Loss);

        Assert.Equal(result.Flops, profiler.Calls.Sum(c => c.Flops));
        Assert.All(profiler.Calls, c => Assert.True(c.Ticks >= 0 && c.Bytes > 0, c.Operator));
        for (int i = 1; i < profiler.Calls.Count; i++)
            Assert.True(profiler.Calls[i].Start >= profiler.Calls[i - 1].Start);
        var places = ProfileLine.By(profiler.Calls, c => c.Label ?? "").Select(l => l.Name).ToList();
        Assert.Contains("layer 0", places);
        Assert.Contains("layer 1", places);
        Assert.Contains("embeddings", places);
        Assert.Contains("head", places);
        Assert.Equal(profiler.Calls.Count, ProfileLine.By(profiler.Calls, c => c.Operator).Sum(l => l.Calls));
    }

    [Fact]
    public void The_trace_is_JSON_with_an_event_a_call()
    {
        using var profiler = new ProfilingBackend(HostBackend.Create(1));
        Step(profiler, TinyModels.Llama(ModelHead.CausalLm), profiler);
        using var stream = new MemoryStream();
        ChromeTrace.Write(stream, profiler.Calls);
        var events = JsonNode.Parse(stream.ToArray())!["traceEvents"]!.AsArray();
        Assert.Equal(profiler.Calls.Select(c => c.Operator), events.Select(e => (string)e!["name"]!));
        Assert.All(events, e => Assert.Equal("X", (string)e!["ph"]!));
        Assert.Equal(profiler.Calls.Sum(c => c.Flops), events.Sum(e => (long)e!["args"]!["flops"]!));
        Assert.True((double)events[^1]!["ts"]! >= (double)events[0]!["ts"]!);
    }

    [Fact]
    public void The_roofline_takes_the_tighter_ceiling()
    {
        var peak = new MachinePeak(100e9, 10e9, 1024, 1 << 20);
        Assert.Equal(0.5, new ProfileLine("arithmetic", 1, 0.02, 1_000_000_000, 1_000).ShareOf(peak), 9);
        Assert.Equal(0.25, new ProfileLine("memory", 1, 0.4, 1_000, 1_000_000_000).ShareOf(peak), 9);
    }

    internal static (StepResult Result, float[] Values) Step(IComputeBackend backend, ModelSpec spec, ProfilingBackend? profiler = null)
    {
        using var model = TinyModels.Random(backend, spec, Trainable.Adapter, TinyModels.Lora);
        profiler?.Label(model);
        var batch = TinyModels.Batch(spec, 3, 5, 4);
        using var trainer = new Trainer(model, new TrainingOptions { LearningRate = 0.01f }, 2, 5);
        profiler?.Clear();
        var result = trainer.Step(batch);
        return (result, backend.Read(model.TrainableValues));
    }
}
