using FedSpine.Engine.Generation;

namespace FedSpine.Engine;

public sealed partial class LanguageModel
{
    /// <summary>Continues a prompt, as it is: no chat template is applied.</summary>
    /// <exception cref="InputException">The model generates no text, or the prompt leaves no room.</exception>
    public GeneratedText Generate(string prompt, GenerationOptions? options = null, CancellationToken cancel = default)
    {
        using var generator = CreateGenerator();
        return generator.Generate(prompt, options, cancel);
    }

    /// <summary>For text as it comes, or several prompts at once. Dispose it before the model changes: it holds the present weights.</summary>
    /// <inheritdoc cref="TextGenerator(Models.Model, Text.TextTokenizer, int?, int)"/>
    public TextGenerator CreateGenerator(int? context = null, int rows = 1) => new(_model, Tokenizer, context, rows);
}
