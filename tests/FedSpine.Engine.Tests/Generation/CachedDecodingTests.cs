using FedSpine.Engine.Generation;
using FedSpine.Engine.Lora;
using FedSpine.Engine.Models;
using FedSpine.Engine.Training;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;

namespace FedSpine.Engine.Tests.Generation;

/// <summary>Decoding with a cache against the full forward pass over the same tokens.</summary>
public sealed class CachedDecodingTests
{
    private static readonly ModelSpec Tiny = TinyModels.Llama(ModelHead.CausalLm);

    /// <summary>Shapes by what is special about them.</summary>
    public static TheoryData<string, int> Shapes => new(
        from shape in new[] { "grouped-query", "biases", "untied", "unequal", "wide", "adapter", "wide adapter" } from threads in new[] { 1, 2 } select (shape, threads));

    [Theory, MemberData(nameof(Shapes))]
    public void Logits_are_those_of_the_full_forward_pass(string shape, int threads)
    {
        using var backend = HostBackend.Create(threads);
        using var model = Model(backend, shape);
        int[][] rows = [Tokens(model.Spec, 1, 30), Tokens(model.Spec, 2, 25), Tokens(model.Spec, 3, 28)];
        int[] prompts = [7, 1, 20];
        int steps = rows.Select((r, i) => r.Length - prompts[i]).Min();
        int C = model.Spec.VocabularySize;
        var expected = Array.ConvertAll(rows, row => Full(model, row));

        using var decoder = new Decoder(model, rows.Length, 30);
        var logits = new float[rows.Length * C];
        for (int b = 0; b < rows.Length; b++)
        {
            decoder.Prefill(b, rows[b].AsSpan(0, prompts[b]), logits.AsSpan(0, C));
            AssertClose(expected[b].AsSpan((prompts[b] - 1) * C, C), logits.AsSpan(0, C), $"{shape}: row {b} after the prompt");
        }

        for (int step = 0; step < steps; step++)
        {
            decoder.Step([.. rows.Select((row, b) => row[prompts[b] + step])], logits);
            for (int b = 0; b < rows.Length; b++)
                AssertClose(expected[b].AsSpan((prompts[b] + step) * C, C), logits.AsSpan(b * C, C), $"{shape}: row {b}, step {step}");
        }

        Assert.Equal(prompts.Select(p => p + steps), decoder.Cache.Lengths.ToArray());
    }

    [Theory]
    [InlineData("grouped-query")]
    [InlineData("wide adapter")]
    public void A_sequence_has_the_same_bits_with_and_without_neighbours_and_threads(string shape)
    {
        float[] Run(int threads, int rows, int row)
        {
            using var backend = HostBackend.Create(threads);
            using var model = Model(backend, shape);
            using var decoder = new Decoder(model, rows, 24);
            int C = model.Spec.VocabularySize;
            var logits = new float[rows * C];
            int[] Row(int b) => Tokens(model.Spec, (ulong)(b == row ? 9 : 20 + b), 12 + (b == row ? 0 : b));
            for (int b = 0; b < rows; b++)
                decoder.Prefill(b, Row(b), logits.AsSpan(0, C));
            for (int step = 0; step < 5; step++)
                decoder.Step([.. Enumerable.Range(0, rows).Select(b => 3 + step + (b == row ? 0 : b))], logits);
            return logits[(row * C)..((row + 1) * C)];
        }

        var alone = Run(1, 1, 0);
        Assert.Equal(alone, Run(2, 1, 0));
        Assert.Equal(alone, Run(2, Decoder.MaxExactRows, 2));
        Assert.Equal(alone, Run(1, 2, 1));
    }

    [Fact]
    public void A_copied_row_goes_on_where_it_was_and_a_row_is_used_again()
    {
        using var backend = HostBackend.Create(1);
        using var model = Model(backend, "unequal");
        using var decoder = new Decoder(model, 2, 16);
        int C = model.Spec.VocabularySize;
        float[] together = new float[2 * C], alone = new float[C];
        decoder.Prefill(1, [5, 6, 7, 8, 9, 10], alone);
        decoder.Prefill(1, [4, 3, 2], alone);
        decoder.Prefill(0, [9], alone);
        decoder.Step([5, 6], together);
        decoder.Cache.Copy(1, 0);
        decoder.Step([7], alone);
        Assert.Equal(5, decoder.Cache.Lengths[0]);
        AssertClose(Full(model, [4, 3, 2, 6, 7]).AsSpan(4 * C, C), alone, "copied row");
    }

    [Theory]
    [InlineData("grouped-query", 1)]
    [InlineData("wide adapter", 2)]
    public void A_step_allocates_nothing(string shape, int threads)
    {
        using var backend = HostBackend.Create(threads);
        using var model = Model(backend, shape);
        using var decoder = new Decoder(model, 2, 30);
        var logits = new float[2 * decoder.LogitColumns];
        decoder.Prefill(0, [3, 4, 5], logits.AsSpan(0, decoder.LogitColumns));
        decoder.Prefill(1, [6], logits.AsSpan(0, decoder.LogitColumns));
        int[] ids = [7, 8];
        for (int i = 0; i < 5; i++)
            decoder.Step(ids, logits);
        Assert.Equal(0, ManagedBytes.Least(() =>
        {
            for (int i = 0; i < 3; i++)
                decoder.Step(ids, logits);
        }));
    }

    [Fact]
    public void What_cannot_be_decoded_is_refused()
    {
        using var backend = HostBackend.Create(1);
        using var model = Model(backend, "grouped-query");
        using var decoder = new Decoder(model, 1, 4);
        var logits = new float[decoder.LogitColumns];
        Assert.Contains("empty", Assert.Throws<InputException>(() => decoder.Prefill(0, [], logits)).Message);
        Assert.Contains("5 tokens, the context holds 4", Assert.Throws<InputException>(() => decoder.Prefill(0, [1, 2, 3, 4, 5], logits)).Message);
        Assert.Contains("row 0 holds 0 tokens", Assert.Throws<InvalidOperationException>(() => decoder.Step([1], logits)).Message);
        decoder.Prefill(0, [1, 2, 3, 4], logits);
        Assert.Contains("row 0 holds 4 tokens of 4", Assert.Throws<InvalidOperationException>(() => decoder.Step([1], logits)).Message);
        Assert.Contains("sequences of 33 tokens: the model's positions allow 32", Assert.Throws<InputException>(() => new Decoder(model, 1, 33)).Message);
        using var encoder = TinyModels.Random(backend, TinyModels.Roberta(ModelHead.MaskedLm), Trainable.None);
        Assert.Contains("MaskedLm head generates no text", Assert.Throws<InputException>(() => new Decoder(encoder, 1, 4)).Message);
    }

    [Fact]
    public void A_cache_takes_the_bytes_that_were_announced()
    {
        using var backend = HostBackend.Create(1);
        using var model = Model(backend, "unequal");
        using var cache = new KeyValueCache(model, 3, 16);
        Assert.Equal(KeyValueCache.BytesFor(model.Spec, 3, 16), cache.Bytes);
        Assert.Equal(2 * 4 * 3 * 16 * model.Spec.Layers.Sum(l => l.KeyValueSize), cache.Bytes);
    }

    private static Model Model(IComputeBackend backend, string shape) => shape switch
    {
        "grouped-query" => TinyModels.Random(backend, Tiny, Trainable.None),
        "biases" => TinyModels.Random(backend, TinyModels.Llama(ModelHead.CausalLm, attentionBias: true), Trainable.None),
        "untied" => TinyModels.Random(backend, TinyModels.Llama(ModelHead.CausalLm, tied: false), Trainable.None),
        "unequal" => TinyModels.Random(backend, Tiny with { Layers = [new(4, 4, 4, 9), new(1, 1, 4, 33), new(6, 2, 8, 8)] }, Trainable.None),
        "wide" => TinyModels.Random(backend, Tiny.Widened(), Trainable.None),
        "adapter" => TinyModels.Random(backend, Tiny, Trainable.None, TinyModels.Lora),
        _ => TinyModels.Random(backend, Tiny.Widened(), Trainable.None, new LoraSpec(5, 10, [LinearRole.Query, LinearRole.Value, LinearRole.Down])),
    };

    private static int[] Tokens(ModelSpec spec, ulong seed, int count)
    {
        var random = new DeterministicRandom(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.NextInt(spec.VocabularySize))];
    }

    private static float[] Full(Model model, int[] ids)
    {
        using var inference = new Inference(model, 1, ids.Length);
        var batch = new Batch(1, ids.Length) { B = 1, T = ids.Length };
        ids.CopyTo(batch.Ids, 0);
        batch.Lengths[0] = ids.Length;
        return inference.Logits(batch);
    }

    /// <summary>Within 1e-5 of the largest logit.</summary>
    private static void AssertClose(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, string what)
    {
        float largest = 0;
        foreach (float x in expected)
            largest = Math.Max(largest, Math.Abs(x));
        for (int i = 0; i < expected.Length; i++)
            Assert.True(Math.Abs(expected[i] - actual[i]) <= 1e-5f * largest, $"{what}: logit {i} is {actual[i]}, expected {expected[i]}");
    }
}
