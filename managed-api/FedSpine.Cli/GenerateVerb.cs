using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using FedSpine.Engine;
using FedSpine.Engine.Formats;
using FedSpine.Engine.Generation;
using FedSpine.Engine.Models;
using FedSpine.Engine.Text;
using FedSpine.Federated.Reporting;
using FedSpine.Kernels.Memory;

namespace FedSpine.Cli;

/// <summary><c>fedspine generate</c>.</summary>
internal sealed class GenerateVerb : IVerb
{
    private readonly Terminal _terminal;
    private readonly ModelChoice _model = new();
    private readonly Setting<GenerationOptions>[] _settings = GenerateSettings.Create();
    private readonly Option<string?> _prompt = new("--prompt") { HelpName = "TEXT", Description = "text to continue (default: standard input)" };
    private readonly Option<string?> _promptFile = OptionKinds.FilePath("--prompt-file", "FILE", "file with the text to continue");
    private readonly Option<int?> _context = OptionKinds.Integer("--context", "N", $"tokens of prompt and text at most (default: what the model allows, at most {TextGenerator.DefaultContext})");

    public GenerateVerb(Terminal terminal)
    {
        _terminal = terminal;
        Groups =
        [
            (ModelChoice.Group, [.. _model.All, _model.Base]),
            ("Prompt", [_prompt, _promptFile, _context]),
            .. _settings.GroupBy(s => s.Heading).Select(g => (g.Key, (IReadOnlyList<Option>)[.. g.Select(s => s.Option)])),
            (CommonOptions.Group, [.. Common.All]),
        ];
    }

    public Command Command { get; } = new("generate",
        "Continues a prompt with a LLaMA-family model, and writes the text as it comes. The prompt is taken as it is: chat templates are not applied. "
        + "Without --prompt and --prompt-file it is all of standard input; on a terminal, every line is a prompt: Ctrl-C stops an answer, "
        + "Ctrl-C again or Ctrl-D ends.");

    public string Summary => "continue a prompt, word by word";

    public CommonOptions Common { get; } = new();

    public IReadOnlyList<(string Heading, IReadOnlyList<Option> Options)> Groups { get; }

    public IReadOnlyList<(string CommandLine, string Purpose)> Examples { get; } =
    [
        ("fedspine generate --model llama --prompt \"Once upon a time\"", "a text, drawn at random from a fixed seed"),
        ("fedspine generate --model llama --prompt-file prompt.txt --temperature 0", "the likeliest text"),
        ("fedspine generate --model llama --adapter runs/finetune-001 --prompt One", "with an adapter, kept apart from the weights"),
        ("fedspine generate --model llama --prompt One --base q8_0", "with the weights in 8 bits: less to read for every token"),
    ];

    public int Run(ParseResult parsed, CancellationToken cancel)
    {
        var options = new GenerationOptions();
        foreach (var setting in _settings)
            options = setting.Apply(parsed, options);
        options.Validate();
        bool json = parsed.GetValue(Common.Json);
        string? prompt = ReadPrompt(parsed);
        if (prompt is null && json)
            throw new InputException("--json needs a prompt: give --prompt or --prompt-file, or pipe one in");
        string path = _model.Path(parsed);
        var spec = ModelSource.ReadConfig(path).Spec;
        if (!spec.IsDecoder)
            throw InputException.InFile(path, $"is a {spec.Family} encoder, which generates no text: give a LLaMA-family model");
        int? context = parsed.GetValue(_context);
        if (context is { } n && (n < 1 || n > spec.MaxLength))
            throw new InputException($"--context {n}: expected 1 to {spec.MaxLength}, what the model's positions allow");

        using var backend = Common.OpenDevice(parsed);
        var (loaded, tokenizer) = _model.Load(parsed, backend, new LoadOptions
        {
            Head = ModelHead.CausalLm,
            BaseType = parsed.GetValue(_model.Base) ?? WeightType.F32,
        });
        using var model = loaded.Model;
        using var generator = new TextGenerator(model, tokenizer, context);
        if (prompt is null)
            Converse(generator, spec, options);
        else if (json)
            _terminal.OutWriter.WriteLine(ToJson(generator.Generate(prompt, options, cancel)).ToJsonString());
        else
            Write(generator, spec, prompt, options, cancel);
        return ExitCode.Done;
    }

    /// <summary>Null: prompts are asked for on the terminal.</summary>
    private string? ReadPrompt(ParseResult parsed)
    {
        string? prompt = parsed.GetValue(_prompt), file = parsed.GetValue(_promptFile);
        if (prompt is not null && file is not null)
            throw new InputException("--prompt and --prompt-file: give one or the other");
        if (file is not null)
            return TextFile.ReadUtf8(file).TrimEnd('\r', '\n');
        if (prompt is not null)
            return prompt;
        return _terminal.InIsTerminal ? null : _terminal.In.ReadToEnd().TrimEnd('\r', '\n');
    }

    /// <summary>A prompt a line, each for itself.</summary>
    private void Converse(TextGenerator generator, ModelSpec spec, GenerationOptions options)
    {
        var output = _terminal.OutWriter;
        output.WriteLine("A prompt a line; Ctrl-C stops an answer, Ctrl-C again or Ctrl-D ends. Each is continued as it is, and for itself.");
        _terminal.Interruption?.End();
        while (true)
        {
            output.Write("> ");
            output.Flush();
            if (_terminal.In.ReadLine() is not { } prompt)
                break;
            if (prompt.Trim().Length == 0)
                continue;
            try
            {
                Write(generator, spec, prompt, options, _terminal.Interruption?.Begin() ?? CancellationToken.None);
            }
            catch (InterruptedException stopped)
            {
                output.WriteLine(stopped.Message);
            }
            catch (InputException refused) // too long: another one may fit
            {
                _terminal.ErrorWriter.WriteLine(refused.Message);
            }
            finally
            {
                _terminal.Interruption?.End();
            }
        }

        output.WriteLine();
    }

    /// <summary>The text as it comes, then what it took.</summary>
    private void Write(TextGenerator generator, ModelSpec spec, string prompt, GenerationOptions options, CancellationToken cancel)
    {
        var output = _terminal.OutWriter;
        var stream = generator.Stream(prompt, options, cancel);
        bool begun = false;
        try
        {
            foreach (string piece in stream)
            {
                output.Write(piece);
                output.Flush();
                begun = true;
            }
        }
        catch (OperationCanceledException)
        {
            if (begun)
                output.WriteLine();
            throw new InterruptedException("stopped");
        }

        output.WriteLine();
        _terminal.ErrorWriter.WriteLine(Describe(stream.Result, generator, spec));
    }

    private static string Describe(GeneratedText result, TextGenerator generator, ModelSpec spec)
    {
        string end = result.Finish switch
        {
            FinishReason.Stop => "a stop text came",
            FinishReason.EndOfText => "the model ended the text",
            FinishReason.MaxTokens => "as long as --max-tokens allows",
            _ => $"the context of {generator.Context} tokens is full: {(generator.Context < spec.MaxLength ? $"--context allows up to {spec.MaxLength}" : "the model allows no more")}",
        };
        return string.Create(CultureInfo.InvariantCulture, $"[prompt: {result.PromptTokens} tokens, {Units.Significant(result.PrefillTokensPerSecond)}/s; text: {result.Tokens.Count} tokens, {Units.Significant(result.DecodeTokensPerSecond)}/s; {end}]");
    }

    private static JsonObject ToJson(GeneratedText result) => new()
    {
        ["text"] = result.Text,
        ["tokens"] = result.Tokens.Count,
        ["tokenIds"] = new JsonArray([.. result.Tokens.Select(id => (JsonNode)id)]),
        ["finishReason"] = result.Finish switch
        {
            FinishReason.Stop => "stop",
            FinishReason.EndOfText => "end-of-text",
            FinishReason.MaxTokens => "max-tokens",
            _ => "context-full",
        },
        ["promptTokens"] = result.PromptTokens,
        ["prefillTokensPerSecond"] = result.PrefillTokensPerSecond,
        ["decodeTokensPerSecond"] = result.DecodeTokensPerSecond,
    };
}
