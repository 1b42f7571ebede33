"""The messages of an import in the language of the clerk.

Notes are recorded in English and translated when they are shown. ``SENTENCES`` has the Chinese
sentence for each English one. Values in braces are copied unchanged, but a sentence inside another
is translated, too. A test checks that no sentence of the intake is missing. Sentences that earlier
versions recorded stay in the table, so that their notes can still be shown in Chinese.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any, Literal, NamedTuple

Language = Literal["zh", "en"]

#: The headings of a list of rejects.
HEADINGS: Mapping[Language, tuple[str, ...]] = {
    "en": ("file", "line", "kind", "column", "value", "reason", "message", "row"),
    "zh": ("文件", "行号", "类别", "列", "值", "原因代码", "原因", "原行"),
}

#: English sentences with their Chinese translation. The first sentence that fits is used.
SENTENCES: tuple[tuple[str, str], ...] = (
    # Cells
    (
        (
            "{column} must be a text; the cell is a date, {value}. Format the column as text and enter "
            "it again"
        ),
        "“{column}”必须是文本，该单元格却是日期（{value}）。请将该列设为文本格式后重新填写",
    ),
    (
        "{column} must have at most {most} characters; it has {n}",
        "“{column}”最多可填{most}个字符，现有{n}个",
    ),
    (
        "{column} must have at most {most} characters in a cell; it has {n}",
        "“{column}”的单元格最多容纳{most}个字符，现有{n}个",
    ),
    (
        "{column} must not be empty if there is a grade",
        "有信用等级的，“{column}”（评定日期）不得为空",
    ),
    (
        "{column} must not be empty if the business has left",
        "已退出登记的，“{column}”（退出日期）不得为空",
    ),
    ("{column} must not be empty", "“{column}”不得为空"),
    (
        "{column} must be a date such as 2016-02-29; it is {value}",
        "“{column}”必须是日期，请按2016-02-29的格式填写；现为{value}",
    ),
    ("{column} must not be in the future; it is {day}", "“{column}”不得晚于今天；现为{day}"),
    ("{column} must be a whole number; it is {value}", "“{column}”必须是整数；现为{value}"),
    (
        (
            "{column} holds the identity number of a person, which is not repeated here; a business "
            "must have a number of its own"
        ),
        "“{column}”中是公民身份号码，此处不再写出；企业必须使用自己的编号",
    ),
    (
        "{column} must not hold {what}, because it is published; it is not repeated here",
        "“{column}”将公开，不得含有{what}；原值此处不再写出",
    ),
    (
        "{column} holds {what}, which is not repeated here ({reason})",
        "“{column}”中含有{what}，此处不再写出（原因代码：{reason}）",
    ),
    (
        "{column} must have only letters, digits and the signs . _ / -; it is {value}",
        "“{column}”只能含有字母、数字和符号“.”“_”“/”“-”；现为{value}",
    ),
    ("{column} must be a number; it cannot be read", "“{column}”必须是数字，现无法读取"),
    (
        (
            "{column} is a number cell of more than 15 digits, which has lost digits; format the column "
            "as text and enter the numbers again{twin}"
        ),
        "“{column}”是超过15位的数字单元格，末尾数位已经丢失；请将该列设为文本格式后重新填写{twin}",
    ),
    (". Row {n} now has the same number", "。第{n}行现在与本行数字相同"),
    ("{column} must be a date; it cannot be read", "“{column}”必须是日期，现无法读取"),
    (
        "{column} shows the error {error}; correct the formula or clear the cell",
        "“{column}”显示错误值{error}；请修正公式或清空该单元格",
    ),
    (
        "{column} was withheld from the rejects; enter it again",
        "“{column}”未写入拒收文件，请重新填写",
    ),
    (
        (
            "{column} holds a formula whose result is not in the file; open it in a spreadsheet "
            "program, save it and import it again"
        ),
        "“{column}”中的公式在文件里没有计算结果；请用表格软件打开并保存后重新导入",
    ),
    (
        "{column} must not lie under a merged cell; split the cell and fill in each row",
        "“{column}”不得位于合并单元格之下；请取消合并，并逐行填写",
    ),
    (
        "{column} must be a date; it holds a number that is not a day of the calendar",
        "“{column}”必须是日期，现有数字不对应任何日期",
    ),
    ("{column} is a cell of the unknown kind {kind}", "“{column}”的单元格类型无法识别：{kind}"),
    (
        "{column} is a cell of the kind {kind}, which cannot be imported",
        "“{column}”的单元格类型为{kind}，无法导入",
    ),
    # Rows
    ("must not be hidden; show the row, or delete it", "该行不得隐藏；请取消隐藏，或将其删除"),
    (
        "must have {width} fields like the header; it has {found}",
        "该行必须与表头一样有{width}列；现有{found}列",
    ),
    (
        "cannot be read: a quotation mark is misplaced, or a cell is too long",
        "该行无法读取：引号位置不对，或某个单元格过长",
    ),
    ("a quotation mark is not closed within {n} lines", "引号在{n}行之内没有闭合"),
    ("a quotation mark is not closed", "引号没有闭合"),
    (
        "is not {encoding}; save the file as UTF-8, or name its encoding with --encoding",
        "该行不是{encoding}编码；请将文件另存为UTF-8，或用--encoding说明编码",
    ),
    ("has the same bytes as line {n}", "与第{n}行完全相同"),
    # A region's own list
    (
        "{column} must match {pattern}; it is {value}",
        "“{column}”必须符合格式{pattern}；现为{value}",
    ),
    ("{column} must be A, B, C or D; it is {value}", "“{column}”必须是A、B、C、D之一；现为{value}"),
    ("{column} must be a number; it is {value}", "“{column}”必须是数字；现为{value}"),
    ("{column} must be a percentage; it is {value}", "“{column}”必须是百分数；现为{value}"),
    (
        (
            "the check character of {column} {value} must be the one by GB 32100; it is "
            "another. Compare it with the business licence; if the register shows it like "
            "this, name that register as reference in the mapping"
        ),
        (
            "“{column}”的值{value}校验码与GB 32100不符。请与营业执照核对；登记系统确实如此显"
            "示的，请在映射文件中用reference写明该登记系统"
        ),
    ),
    (
        (
            "the check character of {column} {value} is not the one by GB 32100; it is "
            "imported with the reference {reference}"
        ),
        "“{column}”的值{value}校验码与GB 32100不符，已按登记依据“{reference}”导入并标注",
    ),
    (
        (
            "{column}: it must be a Unified Social Credit Identifier (18 digits and letters without "
            "I, O, S, V, Z, with a division code of six digits in places 3 to 8); it is {value}. A "
            "business without one is named <register>:<number>."
        ),
        "“{column}”必须是统一社会信用代码，现为{value}：应为18位数字和字母（不含I、O、S、V、Z），第3至8位为行政区划码",
    ),
    (
        (
            "{column}: places 3 to 8 of {value} must be a division code: 100000, or one that begins "
            "with 11 to 65, 71, 81 or 82. Compare it with the business licence."
        ),
        "“{column}”的值{value}第3至8位必须是行政区划码（100000，或以11至65、71、81、82开头）。请与营业执照核对",
    ),
    (
        "{column}: it must be a Unified Social Credit Identifier; it has a colon",
        "“{column}”必须是统一社会信用代码，不得含有冒号",
    ),
    (
        "{column}: the text must not contain invisible characters; character {n} is {code}",
        "“{column}”不得含有不可见字符；第{n}个字符为{code}",
    ),
    ("{column}: the text must not be blank", "“{column}”不得为空白"),
    (
        "{entity} must be listed once; line {n} of this list has other particulars: {differences}",
        "{entity}在本名录中只能列一次；第{n}行已有不同内容：{differences}",
    ),
    (
        "{entity} has {differences}; the first statement stays",
        "{entity}前后内容不一（{differences}），以先出现的为准",
    ),
    # Registers
    ("{entity} is not on the register", "登记册中没有{entity}"),
    (
        "{inspection} has {field} {value}, but line {n} of {file} has {first}, which stays",
        "{inspection}的{field}为{value}，但{file}第{n}行为{first}，以后者为准",
    ),
    (
        "the score of {inspection} must be {old} to change to {new}; it is {value}",
        "{inspection}的分数必须为{old}才能改为{new}；现为{value}",
    ),
    (
        "{violation} may belong to any of {n} inspections of that day; it is linked to none",
        "{violation}可能属于当日{n}次检查中的任何一次，未与检查关联",
    ),
    ("no inspection of {violation} is on the register", "登记册中没有{violation}所属的检查"),
    (
        "{violation} was corrected on {day}; the register reported {first} earlier, which stays",
        "{violation}的改正日期为{day}，但先前登记为{first}，以先前的为准",
    ),
    (
        "{record} was listed earlier with other particulars, which stay",
        "{record}先前以不同内容列入，以先前的为准",
    ),
    (
        "{record} must be listed before it is removed; it was never listed",
        "{record}必须先列入才能移出；现从未列入",
    ),
    (
        "the removal of {record} must not be before its listing on {listed}; it is {day}",
        "{record}的移出日期不得早于列入日期{listed}；现为{day}",
    ),
    (
        "{record} was removed on {day}; the register reported {first} earlier, which stays",
        "{record}的移出日期为{day}，但先前登记为{first}，以先前的为准",
    ),
    (
        "application_date {day} means an empty cell and is left out",
        "application_date为{day}，实为空单元格，不予采用",
    ),
    (
        "score {value} means several visits and is kept in the result",
        "分数{value}代表多次检查，已保留在检查结果中",
    ),
    (
        "corrected_date must not be before {found}; it is {day}",
        "改正日期不得早于发现日期{found}；现为{day}",
    ),
    ("change must be one of {known}; it is {value}", "变更类型必须是{known}之一；现为{value}"),
    (
        "{column} must be a score from 0 to 100; it is {value}",
        "“{column}”必须是0至100的分数；现为{value}",
    ),
    ("{entity} is registered and was never inspected", "{entity}已登记，从未接受检查"),
    ("inspection_type is empty", "检查类型为空"),
    ("action_code {code} is not in the list of actions", "处理代码{code}不在代码表中"),
    (
        "score must not be negative; it is {value} and is left out",
        "分数不得为负数；现为{value}，不予采用",
    ),
    (
        "the action says cited, but there is no violation code",
        "处理结果为有违法行为，但没有违法行为代码",
    ),
    (
        "the action says no violation, but the row has the code {code}",
        "处理结果为无违法行为，该行却有代码{code}",
    ),
    ("violation_code {code} is not in the list of codes", "违法行为代码{code}不在代码表中"),
    ("event must be LISTED or REMOVED; it is {value}", "event必须是LISTED或REMOVED；现为{value}"),
    ("{record} does not say which law was broken", "{record}未说明违反哪部法律"),
    (
        "the list was not observed for a while before this date, which may be too late",
        "该日期之前有一段时间未取得名单，该日期可能偏晚",
    ),
    (
        "prosecution_date is empty; the day of listing counts",
        "prosecution_date为空，以列入日期为准",
    ),
    ("prosecuted on {day}, but listed on {listed}", "移送日期为{day}，但于{listed}已列入"),
    # Files
    (
        "sheet {sheet} is hidden; it is read because it was named",
        "工作表“{sheet}”是隐藏的；因已指定，仍予读取",
    ),
    ("sheet {sheet} is read; not read: {others}", "读取的是工作表“{sheet}”，未读取：{others}"),
    (
        "line {n} names the columns; the lines above it are not read",
        "表头在第{n}行，其上各行未读取",
    ),
    ("hidden columns are not read: {columns}", "隐藏的列未读取：{columns}"),
    (
        "rows {one} and {other} have the same number in {column}, because digits are lost",
        "第{one}行与第{other}行的“{column}”因数位丢失而相同",
    ),
    (
        "{file} has no column {columns}: its content is left out",
        "{file}没有以下列，相应内容从缺：{columns}",
    ),
    (
        (
            "{file} has no column with the day of the first report: its facts count as known "
            "from {since}"
        ),
        "{file}没有说明何时首次登记的列，其内容自{since}起视为已知",
    ),
    (
        "{file} has no {column} column: its facts count as known from {since}",
        "{file}没有“{column}”列，其内容自{since}起视为已知",
    ),
    ("the time of recording", "记入台账之时"),
    ("{day}, as given for this import", "{day}（由本次导入指定）"),
    (
        "no file {pattern}: that part of the register is not imported",
        "没有文件{pattern}，登记册的这一部分未导入",
    ),
    ("no file {pattern}: {what}", "没有文件{pattern}：{what}"),
    (
        "businesses have the names of the register's last date from the start",
        "企业自始采用登记册最后日期的名称",
    ),
    ("violations have neither a description nor a severity", "违法行为没有说明和严重程度"),
    ("inspections have the action's code and no text", "检查只有处理代码，没有文字"),
    (
        "businesses have the code of their cuisine as line of business",
        "企业的行业为菜系代码",
    ),
    # Refusals of files
    (
        "{file} is empty; its first line must name the columns{more}.",
        "{file}是空的；首行必须是列名{more}。",
    ),
    ("{file} cannot be read: the first line {why}.", "{file}无法读取：首行{why}。"),
    (
        (
            "{file} has no column {columns}. Found: {found}. Needed: {needed}. Sheets: {sheets}. Name "
            "the one to read with --sheet."
        ),
        "{file}缺少列：{columns}。现有列：{found}。需要的列：{needed}。工作表有：{sheets}。请用--sheet指定要读取的工作表。",
    ),
    (
        "{file} has no column {columns}. Found: {found}. Needed: {needed}.",
        "{file}缺少列：{columns}。现有列：{found}。需要的列：{needed}。",
    ),
    (
        ". Sheets: {sheets}. Name the one to read with --sheet",
        "。工作表有：{sheets}。请用--sheet指定要读取的工作表",
    ),
    (
        "{file} has no sheet {sheet}. Sheets: {sheets}.",
        "{file}没有工作表{sheet}。工作表有：{sheets}。",
    ),
    (
        (
            "{file} has several sheets with the columns of this register: {sheets}. Name the one to "
            "read with --sheet."
        ),
        "{file}有多个工作表符合本登记册的列：{sheets}。请用--sheet指定要读取的工作表。",
    ),
    (
        (
            "{file} must not have column {column} hidden; show the column, or delete it, and "
            "import again."
        ),
        "{file}的“{column}”列不得隐藏；请取消隐藏或者删除该列后重新导入。",
    ),
    (
        "{file} must name each column once; it names twice: {columns}.",
        "{file}的列名不得重复；重复的有：{columns}。",
    ),
    (
        (
            "{file} breaks off after line {n}. Fetch the file again; the rows before are imported and "
            "will not be imported twice."
        ),
        "{file}在第{n}行之后中断。请重新获取文件；之前的行已导入，不会重复导入。",
    ),
    (
        (
            "{file} cannot be read: --encoding must name a text encoding, such as utf-8 or "
            "gb18030; it is {name}."
        ),
        "{file}无法读取：--encoding必须是文本编码，例如utf-8或gb18030；现为{name}。",
    ),
    (
        (
            "{file} seems to be UTF-16 without a byte order mark; name its encoding with --encoding, "
            "such as utf-16-le, or save it as UTF-8."
        ),
        "{file}似为没有字节顺序标记的UTF-16；请用--encoding说明编码（例如utf-16-le），或另存为UTF-8。",
    ),
    (
        "{file} must be {encoding} throughout, as its byte order mark says; it is not.",
        "{file}的字节顺序标记为{encoding}，全部内容必须是该编码；现有内容不是。",
    ),
    (
        "{file} has a line of more than {n} MiB, which is too long for a row.",
        "{file}有一行超过{n} MiB，不可能是表格的行。",
    ),
    ("{file} is broken: {why}", "{file}已损坏，请重新获取或保存后再导入。"),
    (
        (
            "{file} is protected by a password and cannot be read; save it without one and import it "
            "again."
        ),
        "{file}有密码保护，无法读取；请取消密码保存后重新导入。",
    ),
    (
        (
            "{file} is a workbook of the old kind (.xls), which cannot be read without loss; "
            "save it as .xlsx and import that file."
        ),
        "{file}是旧格式（.xls）工作簿，无法无损读取；请另存为.xlsx后导入。",
    ),
    (
        "{file} is an .xlsb workbook, which cannot be read; save it as .xlsx.",
        "{file}是.xlsb工作簿，无法读取；请另存为.xlsx。",
    ),
    (
        "{file} is a {ending} file, which cannot be read; save it as .xlsx or .csv.",
        "{file}是{ending}文件，无法读取；请另存为.xlsx或.csv。",
    ),
    (
        (
            "{file} is a web page, not a workbook; open it in a spreadsheet program and save "
            "it as .xlsx."
        ),
        "{file}是网页，不是工作簿；请用表格软件打开并另存为.xlsx。",
    ),
    (
        "{file} cannot be read as a spreadsheet; if it is a text file, its name must end in .csv.",
        "{file}不是工作簿，无法读取；如为文本文件，请将扩展名改为.csv。",
    ),
    (
        "{file} is a compressed folder, not a workbook; unpack it first.",
        "{file}是压缩包而不是工作簿；请先解压。",
    ),
    (
        "{file} is a text document, not a workbook; save its table as .xlsx.",
        "{file}是文档而不是工作簿；请将其中的表格另存为.xlsx。",
    ),
    ("{file} must not declare a document type; it does.", "{file}不得含有文档类型声明。"),
    (
        "{file} must be a table; it is a form of merged cells.",
        "{file}必须是数据表；现为由合并单元格构成的表单。",
    ),
    ("{file} has merged cells beyond the edge of a sheet.", "{file}的合并单元格超出工作表范围。"),
    (
        "{file} must not have more text than a sheet can show; it has.",
        "{file}的文本超过工作表的容量。",
    ),
    ("{file} has more than {n} cells{where}.", "{file}的单元格超过{n}个。"),
    ("{file} must not unpack to more than {n} MiB; it does.", "{file}解压后不得超过{n} MiB。"),
    ("{file} has a part of {n} MiB that must be small.", "{file}的内部部件过大（{n} MiB）。"),
    ("{file} cannot be read: {why}.", "{file}无法读取：{why}。"),
    # The import itself
    (
        "The mapping must be one of {names}, or a file whose name ends in .toml; it is {name}.",
        "映射必须是{names}之一，或者是扩展名为.toml的文件；现为{name}。",
    ),
    (
        "{folder} must be a file or a folder; it is neither. Name the folder with the files.",
        "{folder}必须是文件或者文件夹。请写明文件所在的文件夹。",
    ),
    (
        "{folder} has no file of {name}. Files sought: {wanted}. Files present: {there}.",
        "{folder}中没有{name}的文件。查找：{wanted}。现有：{there}。",
    ),
    (
        "Name a mapping and a folder or file: import MAPPING FOLDER.",
        "请写明映射以及文件夹或文件：import 映射 文件夹。",
    ),
    # Mappings
    ("{file}, line {n}, {key}: {why}.", "{file}第{n}行，键{key}：{why}。"),
    ("{file} must be TOML; it is not: {why}.", "{file}必须是TOML格式：{why}。"),
    ("{file} must be UTF-8; save it as UTF-8.", "{file}必须是UTF-8编码，请另存为UTF-8。"),
    (
        "it must be 2 to 40 small letters, digits and hyphens, beginning with a letter; it is {name}",
        "必须是2至40个小写字母、数字和连字符，以字母开头；现为{name}",
    ),
    (
        (
            "{heading} must have the field drop, because it names persons or tells how to "
            "reach them, which must not be published"
        ),
        "“{heading}”涉及自然人或其联系方式，不得公开；其field必须是drop",
    ),
    (
        (
            "{field} must come from one column; it comes from {heading} already. Name what the column "
            "is called in other years with also"
        ),
        "{field}只能来自一列，现已来自“{heading}”。其他年份的列名请写在also中",
    ),
    ("a column must have the field name", "必须有一列的field是name"),
    ("a column must have the field uscc, or number", "必须有一列的field是uscc或number"),
    (
        "with a status, a column must have the field left_on: the day of leaving",
        "有登记状态（status）的，必须有一列的field是left_on（退出登记日期）",
    ),
    (
        "with a grade, there must be a table [grade] with scheme and source: who gave it",
        "有信用等级的，必须有[grade]表，写明scheme和source（由谁评定）",
    ),
    (
        "it must have assessed_on, or a column must have the field graded_on",
        "必须写明assessed_on，或者有一列的field是graded_on",
    ),
    ("it must be a regular expression: {why}", "必须是正则表达式：{why}"),
    ("it must be one of {values}; it is {value}", "必须是{values}之一；现为{value}"),
    ("it must be one of {values}", "必须是{values}之一"),
    ("only a detail may have a name", "只有detail可以有name"),
    (
        "only a detail may have a type; the other fields have fixed types",
        "只有detail可以有type，其他field的类型是固定的",
    ),
    ("Object contains unknown field {key}", "含有未知的键{key}"),
    ("Object missing required field {key}", "缺少必需的键{key}"),
    ("Invalid enum value {value}", "值{value}不在允许之列"),
    ("Expected {wanted}, got {given}", "应为{wanted}，现为{given}"),
    # Words within sentences
    ("a citizen identity number", "公民身份号码"),
    ("a mobile number", "手机号码"),
    ("the row", "该行"),
    ("the whole file", "整个文件"),
    ("nothing", "无"),
    # Notes that earlier versions of the program recorded
    (
        (
            "{column}: it must be a Unified Social Credit Identifier and is {value}: 18 characters, "
            "digits and letters without I, O, S, V, Z, with a division code of six digits in places 3 "
            "to 8. A business without one is named <register>:<number>."
        ),
        "“{column}”必须是统一社会信用代码，现为{value}：应为18位数字和字母（不含I、O、S、V、Z），第3至8位为行政区划码",
    ),
    (
        "{column}: it must hold no character that nobody sees; the one in place {n} is {code}",
        "“{column}”不得含有不可见字符；第{n}个字符为{code}",
    ),
    ("{column}: it must say something; it is blank", "“{column}”为空白"),
    ("{column} has {n} characters, at most {most} fit", "“{column}”有{n}个字符，最多可填{most}个"),
    (
        "{column} has {n} characters; a cell takes {most}",
        "“{column}”有{n}个字符，单元格最多容纳{most}个",
    ),
    ("{column} is empty, and a grade has a day", "“{column}”为空，信用等级必须有评定日期"),
    ("{column} is empty, and a leaving has a day", "“{column}”为空，退出登记必须有日期"),
    ("{column} is empty", "“{column}”为空"),
    (
        "{column} {value} is no date; write it as 2016-02-29",
        "“{column}”的值{value}不是日期，请按2016-02-29的格式填写",
    ),
    ("{column} {day} lies in the future", "“{column}”的日期{day}晚于今天"),
    ("{column} {value} is no whole number", "“{column}”的值{value}不是整数"),
    (
        "{column} holds {what}, which no public fact may and which is not repeated here",
        "“{column}”中含有{what}，不得公开，此处不再写出",
    ),
    (
        "{column} {value} has characters that no number has",
        "“{column}”的值{value}含有编号中不应有的字符",
    ),
    ("{column} holds a number that cannot be read", "“{column}”中的数字无法读取"),
    (". Row {n} has the same number now", "。第{n}行现在与本行数字相同"),
    ("{column} holds a date that cannot be read", "“{column}”中的日期无法读取"),
    (
        "{column} shows the error {error}; mend the formula or empty the cell",
        "“{column}”显示错误值{error}；请修正公式或清空该单元格",
    ),
    (
        "{column} lies under a merged cell; split it and {what}",
        "“{column}”位于合并单元格之下；请取消合并，并逐行填写",
    ),
    ("{column} holds a number that is no day of the calendar", "“{column}”中的数字不对应任何日期"),
    ("{column} is a cell of an unknown kind, {kind}", "“{column}”的单元格类型无法识别：{kind}"),
    (
        "{column} is a cell of a kind that is not taken, {kind}",
        "“{column}”的单元格类型不被接受：{kind}",
    ),
    ("is hidden; show the row, or delete it", "该行被隐藏；请取消隐藏，或将其删除"),
    ("has {found} fields, the header has {width}", "该行有{found}列，表头有{width}列"),
    (
        "cannot be read: a quotation mark stands where none may, or a cell is too long",
        "该行无法读取：引号位置不对，或某个单元格过长",
    ),
    ("{column} {value} must match {pattern}", "“{column}”的值{value}必须符合格式{pattern}"),
    ("{column} {value} must be A, B, C or D", "“{column}”的值{value}必须是A、B、C、D之一"),
    ("{column} {value} must be a whole number", "“{column}”的值{value}必须是整数"),
    ("{column} {value} must be a number", "“{column}”的值{value}必须是数字"),
    ("{column} {value} must be a share", "“{column}”的值{value}必须是百分数"),
    (
        (
            "{column} {value} has another check character than GB 32100 gives. Compare it "
            "with the business licence; if its register shows it so, name that register as "
            "reference in the mapping"
        ),
        (
            "“{column}”的值{value}校验码与GB 32100不符。请与营业执照核对；登记系统确实如此显"
            "示的，请在映射文件中用reference写明该登记系统"
        ),
    ),
    (
        (
            "{column} {value} has another check character than GB 32100 gives; it is taken "
            "with the reference {reference}"
        ),
        "“{column}”的值{value}校验码与GB 32100不符，已按登记依据“{reference}”采纳并标注",
    ),
    (
        "{column}: it must be a Unified Social Credit Identifier and has a colon",
        "“{column}”必须是统一社会信用代码，不得含有冒号",
    ),
    (
        "{entity} stands on line {n} of this list too, otherwise: {differences}",
        "{entity}在本名录第{n}行已经出现，内容不同：{differences}",
    ),
    (
        "{entity} is {differences}; what was said first stays",
        "{entity}前后说法不一（{differences}），以先出现的为准",
    ),
    (
        "{inspection} has {field} {value}, but line {n} of {file} said {first}, which stays",
        "{inspection}的{field}为{value}，但{file}第{n}行为{first}，以后者为准",
    ),
    (
        "{inspection} is said to have changed from {old} to {new}, but had {value}",
        "{inspection}称由{old}改为{new}，但原值为{value}",
    ),
    (
        "{violation} was corrected on {day}, but {first} was said first and stays",
        "{violation}的改正日期为{day}，但先前登记为{first}，以先前的为准",
    ),
    ("{record} was listed before with other particulars", "{record}先前以不同内容列入"),
    ("{record} was removed but never listed", "{record}被移出，但从未列入"),
    (
        "{record} was removed on {day}, but listed on {listed}",
        "{record}于{day}移出，但于{listed}才列入",
    ),
    (
        "{record} was removed on {day}, but {first} was said first and stays",
        "{record}的移出日期为{day}，但先前登记为{first}，以先前的为准",
    ),
    ("application_date {day} is an empty cell", "application_date为{day}，实为空单元格"),
    ("score {value} stands for several visits", "分数{value}代表多次检查"),
    ("corrected on {day}, but found on {found}", "改正日期{day}早于发现日期{found}"),
    ("change {value} is none of {known}", "变更类型{value}不在{known}之列"),
    ("{column} {value} is no score from 0 to 100", "“{column}”的值{value}不是0至100的分数"),
    ("score {value} is no number of points", "分数{value}不是有效分值"),
    ("the action says cited, and no code is given", "处理结果为有违法行为，但未给出代码"),
    ("the action says no violation, and cites {code}", "处理结果为无违法行为，却给出代码{code}"),
    ("event {value} is neither LISTED nor REMOVED", "event的值{value}既不是LISTED也不是REMOVED"),
    ("the list was not seen for a while before this date", "该日期之前有一段时间未取得名单"),
    # General sentences, which fit only where no sentence above does
    ("{column} must be one of {known}; it is {value}", "“{column}”必须是{known}之一；现为{value}"),
    ("{column} must be {what}; it is {value}", "“{column}”必须是{what}；现为{value}"),
    ("{file}:{n}: {reason}: {message}", "{file}第{n}行（{reason}）：{message}"),
    ("{inspection} is not on the register", "登记册中没有{inspection}"),
    ("{column} {value} must be {what}", "“{column}”的值{value}必须是{what}"),
    ("{column} {value} is none of {known}", "“{column}”的值{value}不在{known}之列"),
    ("{file}: {remark}", "{file}：{remark}"),
)


class _Sentence(NamedTuple):
    literal: str
    pattern: re.Pattern[str]
    chinese: str


@cache
def _sentences() -> tuple[_Sentence, ...]:
    compiled = []
    for english, chinese in SENTENCES:
        parts = re.split(r"\{(\w+)\}", english)
        pattern = "".join(
            f"(?P<{part}>.*?)" if place % 2 else re.escape(part) for place, part in enumerate(parts)
        )
        compiled.append(
            _Sentence(max(parts[::2], key=len), re.compile(pattern, re.DOTALL), chinese)
        )
    return tuple(compiled)


def in_language(message: str, language: Language) -> str:
    """Return a sentence of the intake in a language."""
    return message if language == "en" else in_chinese(message) or message


@lru_cache(maxsize=4096)
def in_chinese(message: str) -> str | None:
    """Return a sentence of the intake in Chinese; ``None`` if it is not in the table."""
    for literal, pattern, chinese in _sentences():
        if literal in message and (match := pattern.fullmatch(message)) is not None:
            parts = {
                name: (in_chinese(part) or part) if part and part != message else part
                for name, part in match.groupdict().items()
            }
            return chinese.format(**parts)
    return None


def language_of_terminal() -> Language:
    """Return Chinese if the locale of the environment is Chinese, else English."""
    setting = next(filter(None, map(os.environ.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    return "zh" if setting.lower().startswith("zh") else "en"


#: The Chinese names of the figures of a report.
_FIGURES = {
    "mapping": "映射",
    "files": "文件",
    "step": "步骤",
    "file": "文件",
    "digest": "摘要（SHA-256）",
    "rows": "行数",
    "before": "先前已处理",
    "rejected": "拒收",
    "warned": "有提示",
    "ignored": "不采用",
    "blank": "空行",
    "missing": "缺少的列",
    "extra": "未读取的列",
    "encoding": "编码",
    "sheet": "工作表",
    "recorded": "记入的事实",
    "known": "已知而未重复记入",
    "rejects": "拒收原因",
    "warnings": "提示原因",
    "not_imported": "未导入的文件",
    "rejected_files": "待修正的文件",
    "dry_run": "试运行（未记入）",
    "remarks": "说明",
    "examples": "拒收举例",
    "line": "行号",
    "reason": "原因代码",
    "message": "原因",
    "seconds": "用时（秒）",
}


def named(report: Mapping[str, Any], language: Language) -> dict[str, object]:
    """Return a report for people: figures with names in a language, lists as lines."""
    shown: dict[str, object] = dict(report)
    shown["files"] = {
        f"{file['file']} ({file['step']})": _file(file, language) for file in report["files"]
    }
    shown["examples"] = {
        f"{example['file']}:{example['line']}": example["message"] for example in report["examples"]
    }
    for key in ("remarks", "not_imported", "rejected_files"):
        shown[key] = "\n".join(report[key])
    for key in ("recorded", "rejects", "warnings"):
        shown[key] = report[key] or ""
    shown["seconds"] = f"{report['seconds']:.1f}"
    shown["dry_run"] = _YES[language][report["dry_run"]]
    return {_FIGURES[key] if language == "zh" else key: value for key, value in shown.items()}


_YES: Mapping[Language, tuple[str, str]] = {"en": ("no", "yes"), "zh": ("否", "是")}


#: How an encoding was detected, in Chinese.
_FOUND = {
    "byte order mark": "字节顺序标记",
    "as told": "按指定",
    "found": "经识别",
    "supposed": "推定",
}


def _file(file: Mapping[str, Any], language: Language) -> str:
    """Return the figures of one file as text, without empty ones."""
    chinese = language == "zh"
    if chinese and file["encoding"] is not None:
        name, _, how = file["encoding"].partition(" (")
        file = {**file, "encoding": f"{name}（{_FOUND[how.rstrip(')')]}）"}
    entries = (
        (key, ", ".join(value) if isinstance(value, (tuple, list)) else value)
        for key, value in file.items()
        if key not in {"file", "step", "digest"}
    )
    shown = [f"{_FIGURES[key] if chinese else key} {value}" for key, value in entries if value]
    return ("；" if chinese else "; ").join(shown)
