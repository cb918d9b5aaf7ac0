using FedSpine.Engine.Models;
using FedSpine.Engine.Tasks;
using FedSpine.Engine.Training;
using FedSpine.Kernels.Host;

namespace FedSpine.Engine.Tests.Tasks;

public sealed class TaskDataTests
{
    [Fact]
    public void A_prompt_is_read_but_not_learned()
    {
        var data = new TaskData(TaskKind.CausalLm, 0,
            [new TaskExample([5, 6, 7, 8, 9], new int[5], -1, -1, PromptLength: 3), new TaskExample([5, 6, 7], new int[3], -1, -1)], [], [], []);
        var batch = new Batch(2, 5);
        data.Fill(batch, data.Train, [0, 1]);
        const int none = Batch.Ignore;
        Assert.Equal([none, none, 8, 9, none, 6, 7, none, none, none], batch.Targets.AsSpan(0, 10).ToArray());
    }

    /// <summary>Every window by hand from the logits, in float64.</summary>
    [Theory]
    [InlineData(null)]
    [InlineData(1)]
    public void Perplexity_over_windows_scores_their_second_halves(int? bos)
    {
        const int N = 8;
        using var backend = HostBackend.Create(1);
        using var model = TinyModels.Random(backend, TinyModels.Llama(ModelHead.CausalLm), Trainable.None);
        var random = new DeterministicRandom(2);
        int[] tokens = [.. Enumerable.Range(0, 5 * N + 3).Select(_ => random.NextInt(TinyModels.Vocabulary))];
        using var inference = new Inference(model, 2, N);
        var result = ContextPerplexity.Run(inference, tokens, N, bos, new Batch(2, N), cancel: TestContext.Current.CancellationToken);

        double sum = 0;
        for (int w = 0; w < 5; w++)
        {
            var one = new Batch(1, N) { B = 1, T = N };
            one.Lengths[0] = N;
            tokens.AsSpan(w * N, N).CopyTo(one.Ids);
            one.Ids[0] = bos ?? one.Ids[0];
            float[] logits = inference.Logits(one);
            for (int t = N / 2 + 1; t < N; t++)
            {
                var row = logits.AsSpan((t - 1) * TinyModels.Vocabulary, TinyModels.Vocabulary).ToArray().Select(x => (double)x).ToArray();
                double top = row.Max();
                sum += top + Math.Log(row.Sum(x => Math.Exp(x - top))) - row[tokens[w * N + t]];
            }
        }

        Assert.Equal(5 * (N / 2 - 1), result.Count);
        Assert.Equal(sum / result.Count, result.Loss, 1e-5);
    }

    [Theory]
    [InlineData(7)]
    [InlineData(2)]
    [InlineData(50)]
    public void An_impossible_context_is_refused(int context)
    {
        using var backend = HostBackend.Create(1);
        using var model = TinyModels.Random(backend, TinyModels.Llama(ModelHead.CausalLm), Trainable.None);
        using var inference = new Inference(model, 1, 8);
        Assert.Throws<InputException>(() => ContextPerplexity.Run(inference, new int[20], context, null, new Batch(1, 8), cancel: TestContext.Current.CancellationToken));
    }
}
