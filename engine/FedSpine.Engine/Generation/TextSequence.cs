using System.Text;
using FedSpine.Engine.Text;

namespace FedSpine.Engine.Generation;

/// <summary>One prompt and its text so far.</summary>
internal sealed class TextSequence
{
    private readonly GenerationOptions _options;
    private readonly int[] _ends; // ids that end a text
    private readonly int _context;
    private readonly TokenSampler _sampler;
    private readonly TextAssembler _text;
    private readonly StringBuilder _whole = new();
    private readonly List<int> _tokens;

    public TextSequence(TextTokenizer tokenizer, int[] prompt, GenerationOptions options, int vocabulary, int context, int[] ends)
    {
        (_options, _ends, _context, Prompt) = (options, ends, context, prompt);
        _sampler = new TokenSampler(options, vocabulary);
        foreach (int id in prompt)
            _sampler.Note(id);
        _text = new TextAssembler(tokenizer, prompt, options.Stop);
        _tokens = new List<int>(Math.Min(options.MaxTokens, context));
    }

    public int[] Prompt { get; }

    /// <summary>The token that the next step continues from.</summary>
    public int LastToken => _tokens[^1];

    public FinishReason? Finish { get; private set; }

    public double PrefillSeconds { get; set; }

    public double DecodeSeconds { get; set; }

    public GeneratedText Result => new(_whole.ToString(), _tokens, Finish!.Value, Prompt.Length, PrefillSeconds, DecodeSeconds);

    /// <summary>Draws a token and returns the text that is certain now.</summary>
    public string Advance(ReadOnlySpan<float> logits)
    {
        int id = _sampler.Next(logits);
        _tokens.Add(id);
        string piece = "";
        if (_ends.Contains(id))
        {
            Finish = FinishReason.EndOfText;
        }
        else
        {
            piece = _text.Add(id);
            if (_text.Stopped)
                Finish = FinishReason.Stop;
            else if (_tokens.Count == _options.MaxTokens)
                Finish = FinishReason.MaxTokens;
            else if (Prompt.Length + _tokens.Count > _context) // the last token needs no place: nothing follows it
                Finish = FinishReason.ContextFull;
        }

        if (Finish is not null)
        {
            piece += _text.Finish();
            if (_text.Stopped)
                Finish = FinishReason.Stop;
        }

        _whole.Append(piece);
        return piece;
    }
}
