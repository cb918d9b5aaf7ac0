using FedSpine.Engine.Formats;
using FedSpine.Engine.Generation;
using FedSpine.Engine.Models;
using FedSpine.Engine.Tests.Text;
using FedSpine.Engine.Text;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;

namespace FedSpine.Engine.Tests.Generation;

public sealed class TextGeneratorTests : IDisposable
{
    private static readonly GenerationOptions Options = new() { MaxTokens = 20, Temperature = 1.5, Seed = 3 };

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static readonly string[] Prompts = ["the cat", "", "on the mat, the cat sat on the mat", "é", "sat", "the"];

    private readonly TemporaryFolder _folder = new();
    private readonly TextTokenizer _tokenizer;
    private readonly IComputeBackend _backend = HostBackend.Create(1);

    public TextGeneratorTests()
    {
        var trainer = new BytePairTrainer();
        trainer.Add("the cat sat on the mat, the cat sat");
        trainer.Train(270).Save(_folder.Path);
        _tokenizer = TextTokenizer.Load(_folder.Path);
    }

    public void Dispose()
    {
        _backend.Dispose();
        _folder.Dispose();
    }

    private Model Model(IComputeBackend backend, int? eos = null) =>
        TinyModels.Random(backend, TinyModels.Llama(ModelHead.CausalLm) with { VocabularySize = 270, MaxPositions = 64, EosId = eos }, Trainable.None);

    [Fact]
    public void A_trained_llama_tells_its_story()
    {
        const string Expected = "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. "
            + "One day, she saw a big, red ball. She wanted to play with it, but it was too high";
        string folder = Golden.Shared("models", "stories260K");
        using var model = ModelFolder.Load(_backend, folder).Model;
        using var generator = new TextGenerator(model, TextTokenizer.Load(folder));
        var result = generator.Generate("", new GenerationOptions { Temperature = 0, MaxTokens = 128 }, Cancel);
        Assert.StartsWith(Expected, result.Text);
        Assert.Equal((1, FinishReason.MaxTokens, 128), (result.PromptTokens, result.Finish, result.Tokens.Count));
        string start = "Once upon a time, there was a little girl named Lily.";
        Assert.StartsWith(Expected[start.Length..], generator.Generate(start, new GenerationOptions { Temperature = 0, MaxTokens = 100 }, Cancel).Text);
        var stopped = generator.Generate(start, new GenerationOptions { Temperature = 0, Stop = ["the par", "day"] }, Cancel);
        Assert.Equal((" She loved to play outside in ", FinishReason.Stop), (stopped.Text, stopped.Finish));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void A_batch_gives_each_prompt_the_text_that_it_gets_alone(int rows)
    {
        using var backend = HostBackend.Create(2);
        using Model model = Model(backend), single = Model(_backend);
        using var generator = new TextGenerator(model, _tokenizer, rows: rows);
        using var alone = new TextGenerator(single, _tokenizer);
        var options = Options with { Stop = ["z"] }; // some end early, and others take their rows
        var together = generator.Generate(Prompts, options, Cancel);
        for (int i = 0; i < Prompts.Length; i++)
        {
            var expected = alone.Generate(Prompts[i], options, Cancel);
            Assert.Equal((expected.Text, expected.Finish, expected.PromptTokens), (together[i].Text, together[i].Finish, together[i].PromptTokens));
            Assert.Equal(expected.Tokens, together[i].Tokens);
        }

        Assert.Contains(together, r => r.Finish == FinishReason.Stop);
        Assert.Contains(together, r => r.Finish == FinishReason.MaxTokens);
    }

    [Fact]
    public void Pieces_are_the_text_and_come_again_the_same()
    {
        using var model = Model(_backend);
        using var generator = new TextGenerator(model, _tokenizer);
        var stream = generator.Stream("the", Options, Cancel);
        Assert.Throws<InvalidOperationException>(() => stream.Result);
        var pieces = stream.ToList();
        var result = stream.Result;
        Assert.All(pieces, piece => Assert.NotEqual("", piece));
        Assert.True(pieces.Count > 3);
        Assert.Equal(result.Text, string.Concat(pieces));
        Assert.Equal(_tokenizer.Decode([.. _tokenizer.Encode("the"), .. result.Tokens]), "the" + result.Text);
        Assert.Equal(pieces, stream);
        Assert.Equal(result.Text, generator.Generate("the", Options, Cancel).Text);
        Assert.NotEqual(result.Text, generator.Generate("the", Options with { Seed = 4 }, Cancel).Text);
    }

    [Fact]
    public void A_text_ends_where_it_must_and_says_why()
    {
        using var model = Model(_backend);
        using var generator = new TextGenerator(model, _tokenizer, context: 16);
        int prompt = 1 + _tokenizer.Encode("the").Length;
        var full = generator.Generate("the", Options with { MaxTokens = 1000 }, Cancel);
        Assert.Equal((FinishReason.ContextFull, 16 - prompt + 1), (full.Finish, full.Tokens.Count));
        var few = generator.Generate("the", Options with { MaxTokens = 5 }, Cancel);
        Assert.Equal((FinishReason.MaxTokens, 5), (few.Finish, few.Tokens.Count));
        Assert.Equal(full.Tokens.Take(5), few.Tokens);

        string stop = full.Text[3..5];
        var stopped = generator.Generate("the", Options with { Stop = ["not there", stop] }, Cancel);
        Assert.Equal((FinishReason.Stop, full.Text[..full.Text.IndexOf(stop, StringComparison.Ordinal)]), (stopped.Finish, stopped.Text));

        using var ending = Model(_backend, eos: full.Tokens[4]);
        using var ended = new TextGenerator(ending, _tokenizer, context: 16);
        var end = ended.Generate("the", Options, Cancel);
        Assert.Equal(FinishReason.EndOfText, end.Finish);
        Assert.Equal(full.Tokens.Take(full.Tokens.ToList().IndexOf(full.Tokens[4]) + 1), end.Tokens);
        Assert.Equal(_tokenizer.Decode([.. end.Tokens.SkipLast(1)]), end.Text);
    }

    [Fact]
    public void What_cannot_be_generated_is_refused()
    {
        using var model = Model(_backend);
        using var generator = new TextGenerator(model, _tokenizer, context: 4);
        Assert.Contains("tokens, the context holds 4", Assert.Throws<InputException>(() => generator.Generate("the cat sat on the mat", cancel: Cancel)).Message);
        Assert.StartsWith("--top-p 2", Assert.Throws<InputException>(() => generator.Generate("the", Options with { TopP = 2 }, Cancel)).Message);
        Assert.Throws<OperationCanceledException>(() => generator.Generate("the", Options, new CancellationToken(canceled: true)));
        using var stopping = new CancellationTokenSource();
        var stream = generator.Stream("a", Options, stopping.Token);
        Assert.Throws<OperationCanceledException>(() =>
        {
            foreach (string piece in stream)
                stopping.Cancel();
        });
    }

    [Fact]
    public void A_model_with_an_adapter_kept_apart_generates()
    {
        using var model = TinyModels.Random(_backend, TinyModels.Llama(ModelHead.CausalLm) with { VocabularySize = 270 }, Trainable.None, TinyModels.Lora);
        using var generator = new TextGenerator(model, _tokenizer);
        Assert.Equal(20, generator.Generate("the", Options, Cancel).Tokens.Count);
    }
}
