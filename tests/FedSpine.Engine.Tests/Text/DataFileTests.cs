using System.Text;
using FedSpine.Engine.Text;

namespace FedSpine.Engine.Tests.Text;

public sealed class DataFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void GLUE_tables_are_not_quoted()
    {
        string path = _folder.Write("train.tsv", "sentence\tlabel\n\"quoted\" said he \t1\r\nit 's \"fine\t0\n\n\"\t1\n");
        Assert.Equal([new("\"quoted\" said he ", null, "1", null, 2), new("it 's \"fine", null, "0", null, 3), new("\"", null, "1", null, 5)], DataFile.Read(path));
    }

    [Fact]
    public void Quoted_tables_hold_separators_and_line_breaks()
    {
        string path = _folder.Write("train.tsv", "sentence\tlabel\n\"bad\n\tvery \"\"bad\"\"\n\"\t0\nplain\t1\n");
        DataRecord[] expected = [new("bad\n\tvery \"bad\"\n", null, "0", null, 2), new("plain", null, "1", null, 5)];
        Assert.Equal(expected, DataFile.Read(path));
        Assert.Equal(expected, DataFile.Read(path, new DataOptions { Quoted = true }));
        Assert.Contains("1 columns, the first row has 2", Assert.Throws<InputException>(() => DataFile.Read(path, new DataOptions { Quoted = false })).Message);
        string csv = _folder.Write("data.csv", "text,label,domain\r\n\"a, b\",x,books\r\n5\" screen,y,phones\r\n");
        Assert.Equal([new("a, b", null, "x", "books", 2), new("5\" screen", null, "y", "phones", 3)], DataFile.Read(csv));
    }

    [Fact]
    public void Usual_columns_are_found()
    {
        Assert.Equal(new DataRecord("a", "b", "yes", null, 2), One("t.tsv", "index\tsentence1\tsentence2\tlabel\n0\ta\tb\tyes\n"));
        Assert.Equal(new DataRecord("a", "b", "1", null, 2), One("t.tsv", "\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\n1\t2\t3\ta\tb\n"));
        Assert.Equal(new DataRecord("text", null, "Sports", null, 1), One("t.tsv", "text\tSports\n", new DataOptions { Header = false }));
        Assert.Equal(new DataRecord("A first one", null, "Sports", null, 1), One("t.tsv", "A first one\tSports\n"));
        Assert.Equal(new DataRecord("They ran.", null, "1", null, 1), One("t.tsv", "gj04\t1\t\tThey ran.\n"));
        Assert.Equal(new DataRecord("q", "a", null, null, 1), One("t.jsonl", """{"question": "q", "answer": "a"}"""));
        Assert.Equal(new DataRecord("only", null, null, null, 1), One("t.tsv", "only\n"));
    }

    [Fact]
    public void Columns_are_given_by_name_or_index()
    {
        const string table = "id\tBody\tstars\tshop\n7\tgood\t5\tx\n";
        DataRecord expected = new("good", null, "5", "x", 2);
        Assert.Equal(expected, One("t.tsv", table, new DataOptions { TextColumn = "body", LabelColumn = "stars", DomainColumn = "shop" }));
        Assert.Equal(expected, One("t.tsv", table, new DataOptions { TextColumn = "1", LabelColumn = "2", DomainColumn = "3", Header = true }));
        Assert.Equal(new DataRecord("good", "7", "5", null, 2), One("t.tsv", "7\t7\t7\n7\tgood\t5\n", new DataOptions { TextColumn = "1", PairColumn = "0", LabelColumn = "2", Header = true }));
        Assert.Equal(expected with { Line = 1 }, One("t.jsonl", """{"Body": "good", "stars": 5, "nested": {}, "shop": "x"}""", new DataOptions { TextColumn = "Body", LabelColumn = "stars", DomainColumn = "shop" }));
    }

    [Fact]
    public void Label_first_lines_in_two_encodings()
    {
        string path = _folder.Write("trec.all", Encoding.Latin1.GetBytes("0 Who is Zo\u00eb ?\n1 caf\u00e9\n"));
        Assert.Equal([new("Who is Zoë ?", null, "0", null, 1), new("café", null, "1", null, 2)], DataFile.Read(path, new DataOptions { Encoding = DataEncoding.Latin1 }));
        Assert.Equal($"{path}:1: not UTF-8 (byte 0xEB); is it another encoding, such as latin1?", Assert.Throws<InputException>(() => DataFile.Read(path)).Message);
        Assert.Contains("t.txt:2: a label alone", Error("t.txt", "0 a\n1\n", new DataOptions { Format = DataFormat.LabelFirst }));
        Assert.Contains("t.txt:2: no label", Error("t.txt", "0 a\n b\n", new DataOptions { Format = DataFormat.LabelFirst }));
    }

    [Fact]
    public void Plain_text_is_cut_into_documents()
    {
        string path = _folder.Write("t.txt", "\none\ntwo\r\n \n\nthree\n");
        Assert.Equal([("one\ntwo", 2), ("three", 6)], DataFile.Read(path).Select(record => (record.Text, record.Line)));
        Assert.Equal(["one", "two", "three"], DataFile.Read(path, new DataOptions { Documents = DocumentCut.Lines }).Select(record => record.Text));
        Assert.Equal(["\none\ntwo\r\n \n\nthree\n"], DataFile.Read(path, new DataOptions { Documents = DocumentCut.WholeFile }).Select(record => record.Text));
    }

    [Theory]
    [InlineData("t.tsv", "sentence\tlabel\na\t1\nb\n", "t.tsv:3: 1 columns, the first row has 2")]
    [InlineData("t.tsv", "sentence\tlabel\na\t1\nb\t \n", "t.tsv:3: no label")]
    [InlineData("t.tsv", "sentence\tlabel\n", "t.tsv: holds no data")]
    [InlineData("t.tsv", "", "t.tsv: holds no data")]
    [InlineData("t.jsonl", "\n\n", "t.jsonl: holds no data")]
    [InlineData("t.tsv", "sentence\tkind\na\t1\n", "t.tsv: which column holds the label? columns are sentence, kind")]
    [InlineData("t.tsv", "a\tb\tc\n", "t.tsv: which column holds the text? 3 columns without names; give an index from 0")]
    [InlineData("t.tsv", "one\ntwo\n", "t.tsv: which column holds the label? 1 columns without names; give an index from 0")]
    [InlineData("t.csv", "text,label\n\"a,1\n", "t.csv:2: a quote opens in this row and is never closed")]
    [InlineData("t.csv", "text,label\n\"a\"b,1\n", "t.csv:2: text after the closing quote of a field")]
    [InlineData("t.jsonl", "{\"text\": \"a\", \"label\": 0}\n{\"text\": \"b\"\n", "t.jsonl:2: not valid JSON")]
    [InlineData("t.jsonl", "{\"text\": \"a\", \"label\": 0}\n[1]\n", "t.jsonl:2: a JSON array, expected an object")]
    [InlineData("t.jsonl", "{\"text\": \"a\", \"label\": 0}\n{\"label\": 0}\n", "t.jsonl:2: no \"text\"; 1 fields: label")]
    [InlineData("t.jsonl", "{\"text\": \"a\", \"label\": null}\n", "t.jsonl:1: no label")]
    [InlineData("t.jsonl", "{\"text\": \"\\ud800\", \"label\": 0}\n", "t.jsonl:1: not valid JSON")]
    [InlineData("t.txt", "some text\n", "t.txt: plain text has no labels; name another format if it is a table")]
    public void Bad_rows_are_named(string name, string content, string expected)
    {
        string path = _folder.Write(name, content);
        string message = Assert.Throws<InputException>(() => DataFile.ReadLabelled(path)).Message;
        Assert.StartsWith(_folder.File(expected), message);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void Missing_paths_and_columns_are_named()
    {
        Assert.Equal("/no/such.tsv: no such file", Assert.Throws<InputException>(() => DataFile.Read("/no/such.tsv")).Message);
        Assert.Equal($"{_folder.Path}: is a folder, expected a file", Assert.Throws<InputException>(() => DataFile.Read(_folder.Path)).Message);
        Assert.EndsWith("no column \"body\"; columns are sentence, label", Error("t.tsv", "sentence\tlabel\na\t1\n", new DataOptions { TextColumn = "body" }));
        Assert.EndsWith("no column \"7\"; columns are sentence, label", Error("t.tsv", "sentence\tlabel\na\t1\n", new DataOptions { TextColumn = "7" }));
    }

    [Fact]
    public void Labels_are_sorted_by_number_then_name()
    {
        DataRecord[] records = [.. new[] { "10", "9", "b", "-1", "a", "9" }.Select((label, i) => new DataRecord("", null, label, null, i + 1))];
        LabelMap labels = LabelMap.Of("f", records);
        Assert.Equal(["-1", "9", "10", "a", "b"], labels.Names);
        Assert.Equal([2, 1, 4, 0, 3, 1], records.Select(record => labels.IdOf("f", record)));
        Assert.Equal("f: every row has the label \"9\"; classification needs two", Assert.Throws<InputException>(() => LabelMap.Of("f", [records[1], records[5]])).Message);
        Assert.Equal("f:9: label \"c\" is none of -1, 9, 10, a, b", Assert.Throws<InputException>(() => labels.IdOf("f", new DataRecord("", null, "c", null, 9))).Message);
        LabelMap named = LabelMap.FromNames(["negative", "positive"]);
        Assert.Equal([1, 1], new[] { "positive", "1" }.Select(label => named.IdOf("f", new DataRecord("", null, label, null, 1))));
        Assert.Throws<InputException>(() => named.IdOf("f", new DataRecord("", null, "2", null, 1)));
        Assert.Throws<InputException>(() => LabelMap.FromNames(["a", "a"]));
    }

    [Fact]
    public void Blocks_hold_all_tokens_in_order()
    {
        Assert.Equal([[1, 2, 3], [0, 4, 0], [5, 6, 7]], TokenBlocks.Cut([[1, 2, 3], [4], [5, 6, 7, 8]], 3, separator: 0));
        Assert.Equal([[1, 2], [3, 4]], TokenBlocks.Cut([[1, 2, 3, 4, 5]], 2));
        Assert.Empty(TokenBlocks.Cut([[1]], 2));
    }

    private DataRecord One(string name, string content, DataOptions? options = null) => Assert.Single(DataFile.Read(_folder.Write(name, content), options));

    private string Error(string name, string content, DataOptions options)
    {
        string path = _folder.Write(name, content);
        return Assert.Throws<InputException>(() => DataFile.Read(path, options)).Message;
    }
}
