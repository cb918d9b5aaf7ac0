using FedSpine.Engine.Text;

namespace FedSpine.Engine.Tests.Text;

/// <summary>Tokens beyond the vocabulary: found in text unless they are special, with the flags that Hugging Face gives them.</summary>
public sealed class AddedTokenTests
{
    private const string Bpe = """
        { "model": { "type": "BPE", "vocab": { "a": 0, "b": 1, "Ġ": 2 }, "merges": [] }, "pre_tokenizer": { "type": "ByteLevel", "add_prefix_space": false },
          "added_tokens": [
            { "id": 3, "content": "<t>", "special": false, "lstrip": false, "rstrip": false, "single_word": false, "normalized": false },
            { "id": 4, "content": "<t>>", "special": false },
            { "id": 5, "content": "<l>", "special": false, "lstrip": true, "rstrip": false },
            { "id": 6, "content": "<r>", "special": false, "rstrip": true },
            { "id": 7, "content": "ab", "special": false, "single_word": true, "normalized": true },
            { "id": 8, "content": "<s>", "special": true },
            { "id": 9, "content": "<u>" } ] }
        """;

    [Theory]
    [InlineData("a<t>b", "a <t> b")]
    [InlineData("<t><t>>b", "<t> <t>> b")]
    [InlineData("a <t> b", "a Ġ <t> Ġ b")]
    [InlineData("a  <l> b", "a <l> Ġ b")]
    [InlineData("a <r>  b", "a Ġ <r> b")]
    [InlineData("a<r> <l>b", "a <r> <l> b")]
    [InlineData("ab", "ab")]
    [InlineData("b ab b", "b Ġ ab Ġ b")]
    [InlineData("bab ab_", "b a b Ġ a b")] // letters and underscores next to it; "_" has no token
    public void They_are_cut_out_of_text(string text, string expected)
    {
        using var folder = new TemporaryFolder();
        folder.Write("tokenizer.json", Bpe);
        TextTokenizer tokenizer = TextTokenizer.Load(folder.Path);
        Assert.Equal(expected, string.Join(' ', tokenizer.Encode(text).Select(tokenizer.TokenOf)));
    }

    [Fact]
    public void Special_ones_never_come_out_of_text()
    {
        using var folder = new TemporaryFolder();
        folder.Write("tokenizer.json", Bpe);
        TextTokenizer tokenizer = TextTokenizer.Load(folder.Path);
        Assert.Empty(tokenizer.Encode("<s><u>")); // no bytes of these in the vocabulary
        Assert.Equal([0, 3, 1], tokenizer.Encode("a<s><t><u>b"));
        Assert.Equal(10, tokenizer.VocabularySize);
    }

    [Fact]
    public void Normalised_tokens_are_found_in_normalised_text()
    {
        using var folder = new TemporaryFolder();
        folder.Write("vocab.txt", "[UNK]\n[CLS]\n[SEP]\n[PAD]\n[MASK]\na\n##b\n");
        folder.Write("tokenizer_config.json", """
            { "added_tokens_decoder": { "7": { "content": "[Foo]", "normalized": true, "special": false }, "8": { "content": "[Bar]", "normalized": false, "special": false },
              "2": { "content": "[SEP]", "special": true } } }
            """);
        TextTokenizer tokenizer = TextTokenizer.Load(folder.Path);
        Assert.Equal([5, 7, 7, 5], tokenizer.Encode("A[FOO] [foo]a"));
        Assert.Equal([5, 8, 0, 0, 0], tokenizer.Encode("a[Bar][bar]"));
    }

    [Fact]
    public void A_SentencePiece_folder_says_which_are_special()
    {
        using var folder = new TemporaryFolder();
        File.Copy(Path.Combine(Golden.Shared("models", "stories260K"), "tokenizer.model"), folder.File("tokenizer.model"));
        folder.Write("added_tokens.json", """{ "<extra>": 512, "<more>": 513 }""");
        folder.Write("special_tokens_map.json", """{ "additional_special_tokens": ["<more>"] }""");
        TextTokenizer tokenizer = TextTokenizer.Load(folder.Path);
        Assert.Equal([.. tokenizer.Encode("once"), 512, .. tokenizer.Encode("upon")], tokenizer.Encode("once<extra>upon"));
        Assert.DoesNotContain(513, tokenizer.Encode("once<more>upon"));
    }

    [Theory]
    [InlineData("tokenizer_config.json", """{ "added_tokens_decoder": { "x": { "content": "a" } } }""", "added_tokens_decoder.x is no id")]
    [InlineData("tokenizer_config.json", """{ "added_tokens_decoder": { "5": { "content": "q" } } }""", "added_tokens_decoder.5.content is \"q\" with id 5, which \"a\" has")]
    [InlineData("tokenizer_config.json", """{ "added_tokens_decoder": { "9": { } } }""", "added_tokens_decoder.9.content is missing")]
    [InlineData("added_tokens.json", """{ "": 9 }""", "has 0 characters")]
    [InlineData("added_tokens.json", """{ "q": "9" }""", "q is \"9\", expected an integer")]
    public void Impossible_ones_are_refused(string name, string content, string expected)
    {
        using var folder = new TemporaryFolder();
        folder.Write("vocab.txt", "[UNK]\n[CLS]\n[SEP]\n[PAD]\n[MASK]\na\n##b\n");
        string file = folder.Write(name, content);
        var error = Assert.Throws<InputException>(() => TextTokenizer.Load(folder.Path));
        Assert.StartsWith(file, error.Message);
        Assert.Contains(expected, error.Message);
    }

    [Theory]
    [InlineData("\"normalizer\": { \"type\": \"Lowercase\" },", "normalizer.type is Lowercase: this normalizer is not supported")]
    [InlineData("\"normalizer\": { \"type\": \"NFC\" },", null)]
    public void Other_normalizers_are_refused_by_name(string field, string? expected)
    {
        using var folder = new TemporaryFolder();
        folder.Write("tokenizer.json", Bpe.Insert(Bpe.IndexOf('{') + 1, field));
        if (expected is null)
            Assert.Equal([0], TextTokenizer.Load(folder.Path).Encode("a"));
        else
            Assert.Contains(expected, Assert.Throws<InputException>(() => TextTokenizer.Load(folder.Path)).Message);
    }
}
